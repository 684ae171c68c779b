// SPDX-License-Identifier: Apache-2.0

// Command init is the one program of the project's test guests: their first process, their module loader, their agent.
//
//	called as                what it does
//	/init, process 1         mounts the kernel's file systems, loads /etc/modules, then by the boot option plexus.guest:
//	                           kernel  serves the agent; when the harness closes the stream, powers off
//	                           node    mounts the root and module disks, lays the files of /overlay over the root, runs systemd
//	modprobe [-q] NAME K=V   loads a module of this guest and what it needs; the kernel calls it too (/sbin/modprobe)
//	agent                    serves the agent: the systemd unit of a node guest
//
// It is static and speaks to the kernel itself, so a kernel guest holds no other program at all.
package main
