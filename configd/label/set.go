// SPDX-License-Identifier: Apache-2.0

package label

import (
	"slices"

	"github.com/plexus-cvm/plexus/configd/config"
)

// Set is the disks whose headers decide which version of a group stands: label ids, sorted.
type Set []string

// SetOf returns the disks of a group that keep copies.
func SetOf(g config.Group) Set {
	var s Set
	for _, d := range g.Copies() {
		s = append(s, d.ID)
	}
	slices.Sort(s)
	return s
}

// HomeVotes reports whether the home record is one of the votes: where the disks alone could be divided evenly.
func (s Set) HomeVotes() bool { return len(s) > 0 && len(s)%2 == 0 }

// Votes returns how many votes there are, always odd.
func (s Set) Votes() int {
	if s.HomeVotes() {
		return len(s) + 1
	}
	return len(s)
}

// Majority returns how many votes decide; of an empty set, which a group to be created has, none.
func (s Set) Majority() int {
	if len(s) == 0 {
		return 0
	}
	return s.Votes()/2 + 1
}

// Count returns how many of the votes have something.
func (s Set) Count(has func(disk string) bool, home bool) int {
	n := 0
	for _, d := range s {
		if has(d) {
			n++
		}
	}
	if home && s.HomeVotes() {
		n++
	}
	return n
}

// Decided reports whether a majority of the set has something.
func (s Set) Decided(has func(disk string) bool, home bool) bool {
	return s.Count(has, home) >= s.Majority()
}

// DecidedBoth reports whether a change from one set to another stands: by a majority of each.
func DecidedBoth(old, next Set, has func(disk string) bool, home bool) bool {
	return old.Decided(has, home) && next.Decided(has, home)
}

// Phases returns the disks whose headers are written for a change from one set to another: those of the second phase only
// when the first is decided among the old set. So a disk that is new in a set never knows more than a majority of the old.
func Phases(old, next Set) (first, second []string) {
	if len(old) == 0 {
		return slices.Clone(next), nil
	}
	for _, d := range next {
		if slices.Contains(old, d) {
			first = append(first, d)
		} else {
			second = append(second, d)
		}
	}
	return first, second
}
