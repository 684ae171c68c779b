// SPDX-License-Identifier: Apache-2.0

// Package pki is who may speak in a cluster: its certificate authority, the certificates of its nodes, and the tokens
// that let a new node in. All keys are ed25519, all certificates X.509, made with the standard library alone.
//
//	plexus cluster init   -> Authority (ca.crt, ca.key), certificate of node 1 (node.crt, node.key)
//	plexus cluster token  -> Token: cluster id, fingerprint of ca.crt, addresses, secret; one line
//	plexus cluster join   -> package enroll: TLS to an address of the token, server checked by the fingerprint,
//	                         secret and public key out; ca.crt, ca.key, node.crt back
//
// A certificate names a node of a cluster by one DNS name, node-3.CLUSTERID.plexus.internal; it says nothing of
// addresses. The authority may sign names of its own cluster alone (a name constraint says so).
//
// # Who is in is not decided here
//
// A certificate lets a node speak; the view decides what it may do. So certificates do not expire: one that did would
// stop a healthy cluster on a date, and one that has not yet expired protects from nothing that the view does not. A
// token is good once, and that too is decided by the replicated state of the cluster: it keeps the SHA-256 of each
// secret and marks it used; this package holds the pure parts.
//
// # Where the authority's key lives
//
// On every member's disk, mode 0600 in /var/lib/plexus/pki, handed over at enrolment inside TLS. The gain: any member
// can admit a node, and no loss of one machine costs the cluster the power to grow. The price: root on one member can
// make a certificate for any node. But root on one member can already write every shared disk, so the key gives it
// no more than it has. A cluster whose key may have been seen by a stranger needs a new authority, which means a new
// `plexus cluster init`.
//
// Values of this package are safe for concurrent use once made.
package pki
