// SPDX-License-Identifier: Apache-2.0

// Package member is the membership machine of one node: who is in the cluster, whose kernel may write until when, who
// must go. It is pure: time, identity and what the disk remembers are inputs; what it wants done comes out as actions.
// One exception: the raft library underneath draws its election jitter from crypto/rand.Reader; a simulation that
// wants to be repeatable replaces that reader.
//
//	                events                                       actions
//	ticks, peer messages, requests,  --> Step(now, event) --> persist, send, lease, hold, release, leave,
//	completions of effects                                     view, peers, home, preempt, reply, ...
//
// The driving loop is one goroutine: take an event, call Step with the node's CLOCK_BOOTTIME, hand the actions to Do,
// in order. A Machine is not safe for concurrent use. Persist stands before the sends that depend on it: the caller
// must have it on stable storage before it carries out what follows, and must stop the process if it cannot.
//
// # What the cluster agrees on
//
// A raft log (go.etcd.io/raft/v3, PreVote and CheckQuorum) carries entries; State is what they add up to: the view,
// a record per enrolled node, condemnations, join tokens, and the home record of each disk group. Up to five members
// vote, the rest learn. Voters follow the view: whoever is in no view votes no longer.
//
// # Lives, incarnations, raft identities
//
// A life is one attempt of a node to be in the cluster; its number is an input and only grows (Config.Life). The
// cluster answers a new life with a new incarnation, which is what views, leases and condemnations name. A raft
// identity is (node, incarnation in which its log began): a node that restarts with its log keeps the identity and its
// vote, so that a cluster whose nodes were all stopped comes up from the logs alone, but it holds no lease and is in no
// view in this life until it has asked anew. A node that lost its log gets a new identity, because a vote that was
// forgotten must not be cast again. A returning node says by its mere asking that its former life has shut and
// drained: the caller must not feed Join before that is true.
//
// # Lease
//
// A member asks at its own time t. The leader answers only after a quorum round (raft ReadIndex, safe mode) that began
// after the request had arrived, if the asker is then in the view in that incarnation and no condemnation of it stands
// in the leader's log, committed or not. The asker's kernel may then write until t+lease on its own clock: both ends
// are measured on one clock, so only drift matters, never offset. CheckQuorum alone would not do, a cut-off leader
// keeps its belief for up to two election timeouts.
//
//	asker   t ---ask--->                      <---grant(t)--- gate open until t+lease
//	leader            arrives  [quorum round]
//
// At HoldAfter without a grant the node suspends its volumes (Hold): what is in flight drains while the gate is open.
// A lease that lapsed while all was held and nothing was refused may be renewed; any other lapse ends in Leave.
//
// # Eviction
//
// First a condemnation is committed; nothing is done to a node on suspicion. Then a view without the node is, with
// its proof: self (it said it has shut and drained), lease (last grant, or this leader's election, plus the lease with
// drift plus the in-flight term of its disks), or what a caller vouches for (reservation, monitor, operator).
//
// # Joining
//
//	Join -> JoinAsk -> admitted (learner, catches up) -> view with the node joining -> configuration join by configd
//	     -> ConfigJoined -> Ready -> view with the node a member
package member
