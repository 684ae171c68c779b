// SPDX-License-Identifier: Apache-2.0

// Package settings reads plexus.toml, which both daemons share. Everything in it has a default, and the file may be
// missing; an unknown key or a value that cannot work is an error that names the line. What the whole cluster must agree
// on (its heartbeat above all) is taken from the cluster once the node is in one: the file counts for `plexus cluster
// init` alone.
package settings
