// SPDX-License-Identifier: Apache-2.0

// Package peer moves messages between the nodes of one cluster: opaque bytes with a kind, in frames (package wire), over
// TCP and mutual TLS 1.3. clusterd has one Port and configd another, each on its own TCP port; a Port of one service
// does not talk to one of the other.
//
//	      node 1                                        node 2
//	Send -> queue -> out ====== connection 1->2 ======> in -> Events
//	Events <-------- in <====== connection 2->1 ======= out <- queue <- Send
//
// Every node dials every peer that it was told of (SetPeers); messages go along the connection that the sender dialled,
// so each pair of nodes has two. A connection opens with a Hello from each side, the dialler first:
//
//	dialler                                    listener
//	TLS 1.3, each verifies the other's certificate: cluster, and the node that was dialled
//	Hello{cluster, node, incarnation, service, protocols} ->
//	                                           <- Hello{...}, or Refusal{code, text} and the end
//	Payload ... ->                             <- Alive when nothing else was said for two heartbeats
//	Alive when there is nothing to send ->
//
// # What it promises
//
//   - A message comes from the node that it says: the Hello is held against the certificate.
//   - Messages of one connection arrive in order, whole, at most once. Nothing else: a full queue drops its oldest, a
//     broken connection loses what was in flight. Drops are counted. The protocols above tolerate loss.
//   - Whoever has the certificate of a node of this cluster may connect; what a node may do is for the machines above
//     to decide, by view and incarnation.
//   - A silent path is noticed: both ends send something at least every two heartbeats, and give a connection up that
//     brought nothing for eight. TCP_USER_TIMEOUT says the same to the kernel. A node that stands still is noticed too.
//   - A lost connection is dialled again after one heartbeat, then two, then four and no more, with jitter; at once
//     when the peer itself gets through to us.
//
// All times follow from the heartbeat. Everything is bounded: queue, frame, handshakes under way, log lines.
//
// # Goroutines
//
// Port.Open starts the acceptor; it starts one goroutine for each connection that comes in, which reads, and beside it
// one that says Alive. SetPeers starts one for each peer, which dials and writes, and beside it, while connected, one
// that reads. Close ends them all, waits, and then closes the channel of Events. The channel is bounded and must be
// read: while it is full, readers wait and the peers' queues fill.
//
// A Port listening for clusterd also serves joiners that have no certificate yet, on the same TCP port under another
// ALPN name: see Config.Enroll.
package peer
