// SPDX-License-Identifier: Apache-2.0

package api

import (
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Socket is where clusterd listens.
const Socket = "/run/plexus/clusterd.sock"

// Node is an enrolled node, and where its two daemons are reached on the interconnect.
type Node struct {
	Node    view.NodeID `json:"node"`
	Name    string      `json:"name"`
	Member  string      `json:"member"` // clusterd's address and port
	Config  string      `json:"config"` // configd's
	Witness bool        `json:"witness,omitempty"`
}

// Status is what `plexus cluster status` shows of this node.
type Status struct {
	Cluster     view.ClusterID   `json:"cluster"` // empty: in none
	Node        view.NodeID      `json:"node"`
	Name        string           `json:"name"`
	Incarnation view.Incarnation `json:"incarnation"`
	Condition   view.Condition   `json:"condition"`
	Role        string           `json:"role"`    // master, slave, witness; empty while out
	Stage       string           `json:"stage"`   // of what is under way, in words
	Waiting     []Holder         `json:"waiting"` // who keeps a clean leave from going on
	View        view.View        `json:"view"`
	Leader      view.NodeID      `json:"leader"` // of the membership log; zero: none known
	Voters      []view.NodeID    `json:"voters"` // of that log: a majority of them must be up for anything to be decided
	Lease       view.LeaseState  `json:"lease"`
	LeaseLeft   time.Duration    `json:"lease_left"` // nanoseconds
	Heartbeat   time.Duration    `json:"heartbeat"`
	Holding     bool             `json:"holding"` // volumes are suspended until a lease comes
	Groups      []Guarantee      `json:"groups"`
	LastLeave   *Leave           `json:"last_leave"` // null: none since this clusterd's start
	Nodes       []Node           `json:"nodes"`
}

// Holder is somebody who has a shared volume open.
type Holder struct {
	Volume string `json:"volume"` // dm name
	PID    int    `json:"pid"`    // zero: the kernel itself, for example a mount
	Holder string `json:"holder"` // command, mount point or device
}

// Guarantee is what holds for one group when this node must leave.
type Guarantee struct {
	Group string          `json:"group"`
	Level view.FenceLevel `json:"level"`
}

// Leave is how this node last left its cluster.
type Leave struct {
	Incarnation view.Incarnation `json:"incarnation"`
	Reason      view.Reason      `json:"reason"`
	Words       string           `json:"words"`
	At          time.Time        `json:"at"`
	Drained     bool             `json:"drained"` // nothing of it can reach a shared disk any more
	Report      string           `json:"report"`  // the stages, one a line
}

// InitRequest founds a cluster of this node.
type InitRequest struct {
	Name string `json:"name"` // of the node; empty: as in plexus.toml, or the host's
}

// JoinRequest makes this node a member: the first time with a token, later without.
type JoinRequest struct {
	Token string `json:"token,omitempty"`
	Name  string `json:"name,omitempty"`
}

// LeaveRequest takes this node out.
type LeaveRequest struct {
	Force bool `json:"force,omitempty"` // an abort: open volumes get errors
	// Cancel takes back a clean leave that still waits for its volumes.
	Cancel bool `json:"cancel,omitempty"`
}

// TokenRequest asks for a join token.
type TokenRequest struct {
	Uses int `json:"uses"` // how many nodes may enroll with it
}

// TokenReply is a join token: one line, a secret.
type TokenReply struct {
	Token string `json:"token"`
}

// RegisterRequest is the first thing that a starting configd says.
type RegisterRequest struct {
	PID int `json:"pid"`
}

// Update is all that configd must know of the membership. Each one replaces the one before.
type Update struct {
	Start     uint64         `json:"start"` // of this configd; grows from one to the next
	Cluster   view.ClusterID `json:"cluster"`
	Self      view.Member    `json:"self"`
	Condition view.Condition `json:"condition"`
	View      view.View      `json:"view"`
	Lease     view.Lease     `json:"lease"`
	Homes     []view.Home    `json:"homes"`
	Nodes     []Node         `json:"nodes"`
	Heartbeat time.Duration  `json:"heartbeat"`
	// Unload is true while a clean leave wants the volumes of the shared groups gone, if nobody has them open.
	Unload bool `json:"unload,omitempty"`
}

// FenceRequest hands over the fence set of one group, or takes it back.
type FenceRequest struct {
	Start uint64        `json:"start"`
	Set   view.FenceSet `json:"set"`
	Drop  bool          `json:"drop,omitempty"` // the group has no device here any more
}

// FenceReply says whether clusterd holds the volumes: then it resumes what was handed back, when that ends.
type FenceReply struct {
	Holding bool `json:"holding"`
}

// JoinedRequest is the result of the configuration join of an incarnation.
type JoinedRequest struct {
	View   view.Seq    `json:"view"`
	Reason view.Reason `json:"reason,omitempty"` // empty: ready
	Why    string      `json:"why,omitempty"`
}

// HomeRequest replaces the home record of a group if it is still Expect.
type HomeRequest struct {
	Expect view.Home `json:"expect"`
	Record view.Home `json:"record"`
}

// HomeReply says whether it did, and what stands there now.
type HomeReply struct {
	Done    bool      `json:"done"`
	Current view.Home `json:"current"`
}

// SuspectRequest names a node that does not answer configd.
type SuspectRequest struct {
	Node view.NodeID `json:"node"`
	Why  string      `json:"why"`
}

// FailRequest says that configd cannot follow the cluster: this node must leave.
type FailRequest struct {
	Reason view.Reason `json:"reason"`
	Why    string      `json:"why"`
}
