// SPDX-License-Identifier: Apache-2.0

package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/plexus-cvm/plexus/clusterd/store"
	"github.com/plexus-cvm/plexus/clusterd/store/storetest"
)

const dir = "/state"

func entry(term, index uint64, data string) *raftpb.Entry {
	return &raftpb.Entry{Term: &term, Index: &index, Data: []byte(data)}
}

func snapshot(term, index uint64) *raftpb.Snapshot {
	return &raftpb.Snapshot{Data: fmt.Append(nil, "state at ", index), Metadata: &raftpb.SnapshotMetadata{Term: &term, Index: &index}}
}

func hard(term, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: &term, Commit: &commit}
}

// show prints contents so that equal ones look equal.
func show(c store.Contents) string {
	var b strings.Builder
	fmt.Fprintf(&b, "meta %q hard %d.%d snap %d:", c.Meta, c.Hard.GetTerm(), c.Hard.GetCommit(), c.Snap.GetMetadata().GetIndex())
	for _, e := range c.Entries {
		fmt.Fprintf(&b, " %d.%d %d", e.GetTerm(), e.GetIndex(), len(e.GetData()))
	}
	return b.String()
}

func open(t testing.TB, fsys store.FS, dir string) *store.Log {
	t.Helper()
	l, err := store.OpenLog(fsys, dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func save(t testing.TB, l *store.Log, b store.Batch) {
	t.Helper()
	if err := l.Save(b); err != nil {
		t.Fatal(err)
	}
}

func TestTheLogComesBack(t *testing.T) {
	dir := t.TempDir()
	l := open(t, store.Disk, dir)
	save(t, l, store.Batch{Meta: []byte("m"), Hard: hard(1, 0), Entries: []*raftpb.Entry{entry(1, 1, "a"), entry(1, 2, "b"), entry(1, 3, "c")}})
	save(t, l, store.Batch{Hard: hard(2, 1), Entries: []*raftpb.Entry{entry(2, 2, "other")}})
	save(t, l, store.Batch{Entries: []*raftpb.Entry{entry(2, 3, "d")}, Snap: snapshot(1, 1)})
	want := `meta "m" hard 2.1 snap 1: 2.2 5 2.3 1`
	if got := show(l.Contents()); got != want {
		t.Fatalf("got %s", got)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, store.Disk, dir)
	if got := show(l.Contents()); got != want {
		t.Fatalf("after opening: %s", got)
	}
	save(t, l, store.Batch{Reset: true, Snap: snapshot(7, 9)})
	l.Close()
	l = open(t, store.Disk, dir)
	if got := show(l.Contents()); got != `meta "" hard 0.0 snap 9:` {
		t.Fatalf("after a reset: %s", got)
	}
	l.Close()
	if err := l.Save(store.Batch{}); err == nil {
		t.Fatal("a closed log took a batch")
	}
}

func TestASnapshotKeepsOnlyTheEntriesThatContinueIt(t *testing.T) {
	for want, snap := range map[string]*raftpb.Snapshot{
		`meta "" hard 0.0 snap 2: 1.3 0`: snapshot(1, 2),
		`meta "" hard 0.0 snap 3:`:       snapshot(1, 3),
		`meta "" hard 0.0 snap 9:`:       snapshot(4, 9),
		`meta "" hard 0.0 snap 1:`:       snapshot(2, 1), // of another term: another history
	} {
		var c store.Contents
		c.Apply(store.Batch{Entries: []*raftpb.Entry{entry(1, 1, ""), entry(1, 2, ""), entry(1, 3, "")}})
		c.Apply(store.Batch{Snap: snap})
		if got := show(c); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// batches makes a history as raft would: entries, sometimes overwritten, snapshots from time to time.
func batches(rng *rand.Rand, n int) []store.Batch {
	var all []store.Batch
	term, last, snapped := uint64(1), uint64(0), uint64(0)
	for range n {
		var b store.Batch
		switch {
		case rng.IntN(20) == 0:
			b = store.Batch{Reset: true, Meta: []byte("new life")}
			last, snapped = 0, 0
		case rng.IntN(8) == 0 && last > snapped:
			snapped += 1 + rng.Uint64N(last-snapped)
			b.Snap = snapshot(term, snapped)
			last = max(last, snapped)
		default:
			if rng.IntN(6) == 0 && last > snapped+1 {
				term, last = term+1, last-1
			}
			for range rng.IntN(4) {
				last++
				b.Entries = append(b.Entries, entry(term, last, strings.Repeat("x", rng.IntN(300))))
			}
			b.Hard = hard(term, snapped)
		}
		all = append(all, b)
	}
	return all
}

// A crash at each write, each sync, each rename: what was acknowledged is there, and what was under way is there whole
// or not at all; and the log goes on.
func TestACrashAtEachOperationLosesNothingAcknowledged(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fsys := storetest.New()
		var acked, pending string
		rewrites := 0
		crash := func(op int) {
			for range 3 {
				left := fsys.Crash(rng)
				l, err := store.OpenLog(left, dir)
				if err != nil {
					t.Fatalf("seed %d, crash at operation %d: %v", seed, op, err)
				}
				if got := show(l.Contents()); got != acked && got != pending {
					t.Fatalf("seed %d, crash at operation %d:\n got %s\nwant %s\n  or %s", seed, op, got, acked, pending)
				}
				before := show(l.Contents())
				save(t, l, store.Batch{Meta: []byte("after")})
				c := open(t, left.Crash(rng), dir).Contents()
				if string(c.Meta) != "after" || show(c)[len(`meta "after"`):] != before[strings.Index(before, " hard"):] {
					t.Fatalf("seed %d, crash at operation %d: goes on as %s after %s", seed, op, show(c), before)
				}
			}
		}
		acked = show(store.Contents{})
		pending = acked
		fsys.Before = crash
		l := open(t, fsys, dir)
		l.SetSlack(2000)
		for _, b := range batches(rng, 40) {
			next := l.Contents()
			next.Apply(b)
			pending = show(next)
			ops := fsys.Ops()
			save(t, l, b)
			if fsys.Ops() > ops+2 {
				rewrites++
			}
			acked = pending
		}
		crash(fsys.Ops())
		if rewrites == 0 {
			t.Fatalf("seed %d: the log was never rewritten, the test shows too little", seed)
		}
	}
}

func TestAFailedOperationIsAnErrorAndTheLogTakesNoMore(t *testing.T) {
	for i := 0; ; i++ {
		fsys := storetest.New()
		fsys.FailAt = i
		l, err := store.OpenLog(fsys, dir)
		acked := ""
		if err == nil {
			l.SetSlack(400)
		}
		for n := uint64(1); err == nil && n < 8; n++ {
			acked = show(l.Contents())
			err = l.Save(store.Batch{Entries: []*raftpb.Entry{entry(1, n, strings.Repeat("x", 300))}, Snap: snapshot(1, n-1)})
		}
		if err == nil {
			if i < 20 {
				t.Fatalf("only %d operations failed", i)
			}
			return
		}
		if !errors.Is(err, storetest.ErrInjected) {
			t.Fatalf("operation %d: %v", i, err)
		}
		if l != nil && acked != "" && l.Save(store.Batch{}) == nil {
			t.Fatalf("operation %d: the log took a batch after an error", i)
		}
		fsys.FailAt = -1
		open(t, fsys, dir) // and it opens again
	}
}

func TestABitThatFlipsInsideIsAnError(t *testing.T) {
	dir := t.TempDir()
	l := open(t, store.Disk, dir)
	for n := range uint64(3) {
		save(t, l, store.Batch{Entries: []*raftpb.Entry{entry(1, n+1, "some data")}})
	}
	want := show(l.Contents())
	l.Close()
	path := filepath.Join(dir, store.LogName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := strings.LastIndex(string(good), "PLXr")
	for i := range good {
		bad := append([]byte{}, good...)
		bad[i] ^= 4
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := store.OpenLog(store.Disk, dir)
		switch {
		case i < last && !errors.Is(err, store.ErrCorrupt):
			t.Fatalf("byte %d of %d: %v", i, len(good), err)
		case i >= last && err != nil: // cannot be told from a write that was cut off
			t.Fatalf("byte %d, in the last record: %v", i, err)
		case err == nil && show(l.Contents()) == want:
			t.Fatalf("byte %d went unnoticed", i)
		}
		if err == nil {
			l.Close()
		}
	}
}

func FuzzOpenLog(f *testing.F) {
	fsys := storetest.New()
	l := open(f, fsys, dir)
	save(f, l, store.Batch{Meta: []byte("m"), Hard: hard(1, 1), Snap: snapshot(1, 1), Entries: []*raftpb.Entry{entry(1, 2, "x")}})
	good, _ := fsys.ReadFile(filepath.Join(dir, store.LogName))
	f.Add(good)
	f.Add(good[:len(good)-3])
	f.Add(append(good, "PLXr"...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := storetest.New()
		w, _ := fsys.Create(filepath.Join(dir, store.LogName), 0)
		w.Write(data)
		l, err := store.OpenLog(fsys, dir)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		before := l.Contents()
		save(t, l, store.Batch{Hard: hard(99, 0)})
		after := open(t, fsys, dir).Contents()
		if after.Hard.GetTerm() != 99 || len(after.Entries) != len(before.Entries) || !proto.Equal(after.Snap, before.Snap) {
			t.Fatalf("%s became %s", show(before), show(after))
		}
	})
}
