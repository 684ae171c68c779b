// SPDX-License-Identifier: Apache-2.0

package label

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDisksNewInASetAreWrittenLast(t *testing.T) {
	for _, c := range []struct{ old, next, first, second []string }{
		{nil, []string{"a", "b"}, []string{"a", "b"}, nil},
		{[]string{"b"}, []string{"a", "b", "c"}, []string{"b"}, []string{"a", "c"}},
		{[]string{"a", "b"}, []string{"a", "b"}, []string{"a", "b"}, nil},
	} {
		first, second := Phases(c.old, c.next)
		if diff := cmp.Diff([][]string{first, second}, [][]string{c.first, c.second}); diff != "" {
			t.Errorf("%v to %v: %s", c.old, c.next, diff)
		}
	}
}

func TestVotesAreOdd(t *testing.T) {
	for n, want := range []struct {
		votes, majority int
		home            bool
	}{{0, 0, false}, {1, 1, false}, {3, 2, true}, {3, 2, false}, {5, 3, true}, {5, 3, false}} {
		s := Set(make([]string, n))
		if s.Votes() != want.votes || s.Majority() != want.majority || s.HomeVotes() != want.home {
			t.Errorf("%d copies: %d votes, majority %d, home %v", n, s.Votes(), s.Majority(), s.HomeVotes())
		}
		if n > 0 && s.Decided(func(string) bool { return false }, true) {
			t.Errorf("%d copies: the home record decided alone", n)
		}
	}
}
