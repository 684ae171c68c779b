// SPDX-License-Identifier: Apache-2.0

package label

import (
	"fmt"
	"slices"
)

// fork refuses copies that cannot have come from one history: a later version that was not made from the chosen one, the
// same version made from something else, or one ballot for two texts. A text that was being decided, and was given up
// under a higher ballot, is no fork: it was made from what stands, or from what that was made from.
func (s *search) fork() error {
	for _, h := range s.voters {
		same := h.Hash == s.top.hash && h.Version == s.top.version
		var why string
		switch {
		case same:
			continue
		case h.Ballot == s.top.ballot:
			why = "under the same ballot"
		case h.Version > s.top.version && h.Parent != s.top.hash:
			why = "which is later and was not made from it"
		case h.Version == s.top.version && s.text.Parent != "" && h.Parent != s.text.Parent:
			why = "with another past"
		default:
			continue
		}
		return s.refuse(ErrFork, "version %d (hash %.12s) stands, and disk %s holds version %d (hash %.12s) %s: take away the disks that are wrong",
			s.top.version, s.top.hash, h.Disk, h.Version, h.Hash, why)
	}
	return nil
}

func (s *search) choice() Choice {
	c := Choice{
		Group: s.group, Text: s.text.Text, Hash: s.top.hash, Parent: s.text.Parent, Ballot: s.top.ballot,
		Missing: s.missing(), Next: s.next(),
	}
	home := candidate{s.home.Version, s.home.Hash, s.home.Ballot}
	c.Decided = s.set.Decided(func(d string) bool {
		found, ok := s.seen(d)
		return ok && candidate{found.Header.Version, found.Header.Hash, found.Header.Ballot} == s.top
	}, home == s.top)
	c.StaleHome = s.set.HomeVotes() && (home.version != s.top.version || home.hash != s.top.hash)
	c.Stale = s.stale()
	c.Spare, c.SpareOn = s.spare()
	return c
}

// next returns the lowest version number that nobody has used.
func (s *search) next() uint64 {
	last := max(s.top.version, s.home.Version)
	for _, c := range s.copies {
		if c.Header.Group == s.want.Group {
			last = max(last, c.Header.Version)
		}
		for _, slot := range c.Slots {
			if slot.Group == s.want.Group {
				last = max(last, slot.Version)
			}
		}
	}
	return last + 1
}

func (s *search) stale() []Stale {
	var list []Stale
	for _, c := range s.copies {
		if why := s.staleWhy(c); why != "" {
			list = append(list, Stale{c.Header.Disk, why})
		}
	}
	return list
}

// staleWhy says what is wrong with one copy; empty if nothing is, or if it is none of ours.
func (s *search) staleWhy(c Copy) string {
	h, votes := c.Header, slices.Contains(s.set, c.Header.Disk)
	_, in := s.group.DiskByID(h.Disk)
	switch {
	case h.Group != s.want.Group && h.Group != "" || h.Group == "" && !in:
		return ""
	case h.Group == "":
		return "it is in the group and its label does not say so yet"
	case !in:
		return "it is not in the group any more"
	case !votes && h.Copy > 0:
		return "it does not keep a copy any more"
	case !votes:
		return ""
	case h.Copy == 0:
		return "its label does not say yet that it keeps a copy"
	case h.Version != s.top.version || h.Hash != s.top.hash:
		return fmt.Sprintf("it says version %d (hash %.12s), version %d (hash %.12s) stands", h.Version, h.Hash, s.top.version, s.top.hash)
	}
	if _, ok := c.holding(s.want.Group, s.top.version, s.top.hash); !ok {
		return fmt.Sprintf("the text in its slot %d is damaged: %v", h.Slot, c.Bad[h.Slot])
	}
	return ""
}

// spare returns the newest text that was filled under a higher ballot than the one that stands, and made from what stands.
func (s *search) spare() (*Slot, []string) {
	var best *Slot
	var on []string
	for _, c := range s.copies {
		for i := range c.Slots {
			slot := &c.Slots[i]
			if slot.Group != s.want.Group || slot.Version <= s.top.version || slot.Parent != s.top.hash ||
				slot.Ballot.Compare(s.top.ballot) <= 0 {
				continue
			}
			switch {
			case best == nil || slot.Ballot.Compare(best.Ballot) > 0:
				best, on = slot, []string{c.Header.Disk}
			case slot.Ballot == best.Ballot && slot.Hash == best.Hash:
				on = append(on, c.Header.Disk)
			}
		}
	}
	return best, on
}
