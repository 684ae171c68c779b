// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Report is what became of a leave.
type Report struct {
	Seq    view.Seq      `json:"seq"`
	Begun  time.Time     `json:"begun"`
	Took   time.Duration `json:"took"`
	Stages []StageReport `json:"stages"`
}

// StageReport is one stage.
type StageReport struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took"`
	Acts []ActReport   `json:"acts"`
}

// ActReport is one act: what was seen, or what went wrong.
type ActReport struct {
	Act   string        `json:"act"`
	Proof string        `json:"proof,omitempty"`
	Error string        `json:"error,omitempty"`
	Took  time.Duration `json:"took"`
}

// Drained reports whether the gate is shut and nothing is left through which I/O of this node could go out. It is the word
// that the other members count on.
func (r Report) Drained() bool {
	shut := false
	for _, s := range r.Stages {
		switch s.Name {
		case stageGate:
			shut = s.clean()
		case stageDrain:
			if !s.clean() {
				return false
			}
		}
	}
	return shut
}

// Clean reports whether every act succeeded.
func (r Report) Clean() bool {
	return !slices.ContainsFunc(r.Stages, func(s StageReport) bool { return !s.clean() })
}

func (s StageReport) clean() bool {
	return !slices.ContainsFunc(s.Acts, func(a ActReport) bool { return a.Error != "" })
}

// String prints the report, an act a line.
func (r Report) String() string {
	var b strings.Builder
	state := "drained"
	if !r.Drained() {
		state = "NOT drained"
	}
	fmt.Fprintf(&b, "left view %d in %v: %s\n", r.Seq, r.Took.Round(time.Millisecond), state)
	for _, s := range r.Stages {
		for _, a := range s.Acts {
			seen := a.Proof
			if a.Error != "" {
				seen = strings.TrimPrefix(seen+"; FAILED: "+a.Error, "; ")
			}
			fmt.Fprintf(&b, "  %-9s %6v  %s: %s\n", s.Name, a.Took.Round(time.Millisecond), a.Act, seen)
		}
	}
	return b.String()
}
