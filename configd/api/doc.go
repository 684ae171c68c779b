// SPDX-License-Identifier: Apache-2.0

// Package api is how programs talk to configd: values, a client, and the server's half without the daemon behind it
// (Verbs). Transport, errors and rights are those of clusterd/api, over the unix socket /run/plexus/configd.sock.
//
//	GET    /v1/disks                          DiskList
//	POST   /v1/disks/init          DiskInit   DiskList     of the disks named
//	GET    /v1/groups                         GroupList
//	POST   /v1/groups              GroupCreate  Change
//	GET    /v1/groups/G                       Group        with its disks and volumes
//	GET    /v1/volumes[?group=G]              VolumeList
//	POST   /v1/volumes             VolumeCreate Change
//	GET    /v1/volumes/G/V                    Volume
//	POST   /v1/volumes/G/V/resize  VolumeResize Change
//	POST   /v1/volumes/G/V/remove  VolumeRemove Change
//	GET    /v1/doctor                         Doctor
//
// What holds for every body: lengths are numbers of bytes and their names end in _bytes; a list is [] and never null; an
// answer carries the schema it was written by, and fields are added but never change their meaning within a schema.
// Unknown fields of a request are refused: a misspelt option must not be taken for none.
//
// A request with dry_run is checked and planned like any other; the answer holds the plan, and nothing has changed.
package api
