// SPDX-License-Identifier: Apache-2.0

// Package api is how other programs of this node speak with clusterd: HTTP and JSON on a unix socket. It holds the values
// that go over it, the client, and the server's half without the daemon behind it (Verbs). configd's own api uses the
// transport of this package: Listen, Handle, Client, Error.
//
//	plexus --------\                                 GET  /v1/status                anybody who may open the socket
//	any HTTP client -+-- /run/plexus/clusterd.sock   POST /v1/init join leave ...   root
//	configd --------/                                POST /v1/register              root; a stream of Update, one JSON
//	                                                                                text a line, as long as configd lives
//
// Who may: the socket has mode 0660 and belongs to group plexus where there is one; what changes anything is for the
// super-user alone, judged by the credentials that the kernel gives for the connection (SO_PEERCRED, unix(7)).
//
// An error is {"error":{"code","message","hint"}}; its code decides the exit code of the command that shows it:
// bad_request 3, unreachable 4, failed 5, not_allowed 6. Bodies are bounded.
package api
