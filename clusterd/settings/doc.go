// SPDX-License-Identifier: Apache-2.0

// Package settings reads plexus.toml, which both daemons share. Everything in it has a default, and the file may be
// missing; an unknown key or a value that cannot work is an error that names the line. A node whose
// heartbeat is not that of its cluster is refused when it joins.
package settings
