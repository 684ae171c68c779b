// SPDX-License-Identifier: Apache-2.0

// Package sockdiag finds the TCP sockets of this network namespace that lead to given portals, and destroys them: what
// `ss -K dst PORTAL` does, over netlink (NETLINK_SOCK_DIAG, sock_diag(7); the structures are those of
// linux/inet_diag.h). A destroyed socket sends a reset and gives its owner an error; the owner may be a daemon or the
// kernel itself, as for iSCSI and NVMe-TCP.
//
//	Dial -> Conn: List(portals) -> []Socket;  Destroy(socket)
//
// It takes CAP_NET_ADMIN and a kernel with CONFIG_INET_DIAG_DESTROY; Probe says whether both are there. IPv4 and IPv6;
// an IPv6 socket with an IPv4-mapped peer counts as one to that IPv4 portal. Sockets that are listening or only wait for
// their time to run out lead nowhere and are left alone.
//
// A Conn is for one goroutine.
package sockdiag
