// SPDX-License-Identifier: Apache-2.0

// Command plexus is how people and scripts use Plexus. Each verb is one file: flags -> one request -> print -> exit code.
//
//	plexus cluster init|join|leave|status|token     asks clusterd
//	plexus disk    list|init                        asks configd, like all that follow
//	plexus dg      create|show|list
//	plexus volume  create|list|show|resize|remove
//	plexus doctor
//	plexus version
//
// Standard output carries data alone: a table for people, or with -o json the daemon's answer as it came. Everything else
// goes to standard error, as `plexus: ...` and where it helps a line `plexus: hint: ...`.
//
// A volume is named GROUP/VOLUME, as below /dev/plexus. The exit code says what kind of thing went wrong:
//
//	0  done
//	3  the command line is wrong; nothing was asked
//	4  the daemon cannot be reached
//	5  it failed, or was refused
//	6  not possible in this state: no quorum, not a member, held; it may be later
//
// Questions are asked on a terminal only. Off a terminal what would be asked must be said with -y.
package main
