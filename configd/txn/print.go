// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
)

// shortDigits is how much of an id or hash a trace line shows.
const shortDigits = 6

func short(id string) string {
	if id == "" {
		return "-"
	}
	return id[:min(len(id), shortDigits)]
}

// ballot prints b as view.start.step.
func ballot(b view.Ballot) string { return fmt.Sprintf("%d.%d.%d", b.View, b.Start, b.Step) }

func yes(ok bool, why string) string {
	if ok {
		return "yes"
	}
	return fmt.Sprintf("no: %s", why)
}

func (Announce) String() string { return "announce" }

func (m Join) String() string {
	return fmt.Sprintf("join %d inc %d protocol %d-%d labels %s held %s", m.Attempt, m.Inc, m.Protocol.Min,
		m.Protocol.Max, list(m.Labels, shortLabel), list(m.Held, Held.String))
}

func (m Refuse) String() string { return fmt.Sprintf("refuse %d %s: %s", m.Attempt, m.Reason, m.Why) }

func (m Offer) String() string {
	return fmt.Sprintf("offer %d.%d %s", m.Attempt, m.Round, list(m.Groups, Ident.String))
}

func (m Fetch) String() string { return fmt.Sprintf("fetch %s %s", short(m.Group), short(m.Hash)) }

func (m Text) String() string { return fmt.Sprintf("text %s %d bytes", short(m.Group), len(m.Text)) }

func (m Ready) String() string { return fmt.Sprintf("ready %d.%d", m.Attempt, m.Round) }

func (m Declined) String() string {
	return fmt.Sprintf("declined %d %s: %s", m.Attempt, m.Reason, m.Why)
}

func (m Welcome) String() string { return fmt.Sprintf("welcome %d", m.Attempt) }

func (m Propose) String() string {
	return fmt.Sprintf("propose %s %s base %d hash %s writers %s", ballot(m.Tx), short(m.Group), m.Base, short(m.Hash),
		list(m.Writers, Writer.String))
}

func (m Vote) String() string    { return fmt.Sprintf("vote %s %s", ballot(m.Tx), yes(m.Yes, m.Why)) }
func (m Prepare) String() string { return "prepare " + ballot(m.Tx) }
func (m Prepared) String() string {
	return fmt.Sprintf("prepared %s %s", ballot(m.Tx), yes(m.Yes, m.Why))
}
func (m Commit) String() string { return fmt.Sprintf("commit %s %v", ballot(m.Tx), m.Ident) }

func (m Abort) String() string {
	return fmt.Sprintf("abort %s %s by %s", ballot(m.Tx), short(m.Group), ballot(m.Decision))
}

func (m Applied) String() string { return fmt.Sprintf("applied %s %s", ballot(m.Tx), yes(m.Ok, m.Why)) }

func (m Inscribe) String() string {
	if m.Header != nil {
		return fmt.Sprintf("inscribe %s %s header v%d slot %d", ballot(m.Ballot), short(m.Disk), m.Header.Version, m.Header.Slot)
	}
	return fmt.Sprintf("inscribe %s %s slot %d v%d", ballot(m.Ballot), short(m.Disk), m.At, m.Slot.Version)
}

func (m Inscribed) String() string {
	what := "slot"
	if m.Header {
		what = "header"
	}
	return fmt.Sprintf("inscribed %s %s %s %s", ballot(m.Ballot), short(m.Disk), what, yes(m.Ok, m.Why))
}

func (m Forward) String() string {
	return fmt.Sprintf("forward %d %s base %d %s", m.ID, short(m.Group), m.Base, m.Change)
}

func (m Result) String() string {
	s := fmt.Sprintf("result %d %v", m.ID, m.Outcome)
	if m.Version != 0 {
		s += fmt.Sprintf(" version %d", m.Version)
	}
	if m.Why != "" {
		s += ": " + m.Why
	}
	return s
}

func (i Ident) String() string {
	return fmt.Sprintf("%s v%d %s by %s", short(i.Group), i.Version, short(i.Hash), ballot(i.Ballot))
}

func (h Held) String() string {
	s := fmt.Sprintf("%s v%d", short(h.Group), h.Version)
	if h.Next != 0 {
		s += fmt.Sprintf(" next v%d", h.Next)
	}
	if h.Acked {
		s += " acked"
	}
	return s
}

// shortLabel prints what a disk's label says of its group.
func shortLabel(c label.Copy) string {
	h := c.Header
	if h.Group == "" {
		return short(h.Disk) + "=free"
	}
	return fmt.Sprintf("%s=v%d/%s[%s,%s]", short(h.Disk), h.Version, ballot(h.Ballot), shortSlot(c.Slots[0]), shortSlot(c.Slots[1]))
}

func shortSlot(s label.Slot) string {
	if s.Hash == "" {
		return "-"
	}
	return fmt.Sprintf("v%d", s.Version)
}

func (w Writer) String() string { return fmt.Sprintf("%s=%d", short(w.Disk), w.Node) }
