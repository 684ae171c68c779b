// SPDX-License-Identifier: Apache-2.0

// Package enroll is the talk between a joiner that has a token and a member that can admit it.
//
//	joiner                                            member
//	TLS 1.3, ALPN plexus-enroll/1, no client certificate; the server's chain must hold the authority whose
//	fingerprint is in the token, and a certificate signed by it for a node of the token's cluster
//	{secret, name, addresses, public key, proof} ->
//	                                                  Redeem: the cluster decides, in its replicated state
//	                         <- {node, peers, authority and its key, node certificate}  or  {error}
//
// Each is one JSON value of at most messageBytesMax. The proof is a signature by the joiner's key over keying material
// of this TLS connection (RFC 5705): nobody can repeat it elsewhere, so a cluster may let a joiner that lost the answer ask
// again with the same key after its token has been used, and nobody else.
//
// Serve is called by the peer link for each connection (peer.Config.Enroll); Ask is what `plexus cluster join` comes to.
package enroll
