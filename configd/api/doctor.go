// SPDX-License-Identifier: Apache-2.0

package api

import "github.com/plexus-cvm/plexus/clusterd/view"

// Answer is what a probe found.
type Answer string

const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown" // the probe itself could not be made
)

// Check is one probe of this node.
type Check struct {
	Name   string `json:"name"` // for example "hook file_permission refuses"
	Answer Answer `json:"answer"`
	Detail string `json:"detail"` // what was seen
	Hint   string `json:"hint"`   // what would mend it; empty if nothing is wrong
}

// Guarantee is what this node can promise for one group when it must leave.
type Guarantee struct {
	Group   string          `json:"group"`
	Level   view.FenceLevel `json:"level"`    // proven
	Wanted  view.FenceLevel `json:"wanted"`   // by the settings, or the default for such disks
	Why     string          `json:"why"`      // what the level rests on, or what stands in the way of a better one
	CutToo  []string        `json:"cut_too"`  // other disks behind the same portals: they go with it
	InDoubt string          `json:"in_doubt"` // against what it does not hold here
}

// Doctor is all that configd knows of the health of this node.
type Doctor struct {
	Schema int         `json:"schema"`
	Checks []Check     `json:"checks"`
	Groups []Guarantee `json:"groups"`
}
