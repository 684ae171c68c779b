// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plexus-cvm/plexus/bpf"
	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

// shared is a master with a shared group of one disk and one volume.
func shared(t *testing.T) *node {
	n := newNode(t, "sda", "sdb")
	n.master()
	n.start()
	n.see("the cluster", func() bool {
		var role string
		_ = n.do(n.ctx(), func() error { role = n.machine.Status().Role; return nil })
		return role == "master"
	})
	n.makeGroup("data", true, "sda")
	n.volume("data", "vol1", "4m")
	return n
}

// guards lists what is in the gate: disks of a group by their number, and volumes.
func (n *node) guards() (list []bpf.Guarded) {
	list, err := n.gate.Guards()
	if err != nil {
		n.t.Fatal(err)
	}
	return list
}

func TestASharedVolumeIsGuardedAndInTheFenceSet(t *testing.T) {
	n := shared(t)
	guards := n.guards()
	if len(guards) != 2 || guards[0].Volume || guards[0].Dev != (bpf.Dev{Major: major, Minor: 0}) || !guards[1].Volume {
		t.Errorf("guarded: %+v", guards)
	}
	if got := n.cluster.fences(); !slices.Equal(got, []string{"data-vol1"}) {
		t.Errorf("fence sets: %v", got)
	}
}

func TestACleanLeaveTakesVolumesAwayOnlyWhenNoneIsOpen(t *testing.T) {
	n := shared(t)
	n.kernel.With(func(k *dmtest.Kernel) { _ = k.Open("data-vol1") })
	n.cluster.say(func(u *member.Update) { u.Unload = true })
	n.see("the look at it", func() bool {
		var idle bool
		_ = n.do(n.ctx(), func() error { idle = n.place.Unload && !n.unloads.busy; return nil })
		return idle
	})
	if len(n.tables()) != 1 || len(n.guards()) != 2 {
		t.Error("an open volume was taken away")
	}
	n.kernel.With(func(k *dmtest.Kernel) { _ = k.Close("data-vol1") })
	n.see("the unload", func() bool { return len(n.tables()) == 0 && len(n.guards()) == 0 && len(n.cluster.fences()) == 0 })
}

func TestALeaveThatIsCalledOffAfterTheVolumesWentBringsThemBack(t *testing.T) {
	n := shared(t)
	before := n.tables()
	n.cluster.say(func(u *member.Update) { u.Unload = true })
	n.see("the unload", func() bool { return len(n.cluster.fences()) == 0 && len(n.tables()) == 0 })
	n.cluster.say(func(u *member.Update) { u.Unload = false })
	n.see("the volumes", func() bool {
		return cmp.Equal(before, n.tables()) && len(n.guards()) == 2 && len(n.cluster.fences()) == 1
	})
	n.enabled("data")
}

func TestAConfigdThatStartsAnewKeepsTheGateAsItIs(t *testing.T) {
	n := shared(t)
	n.makeGroup("more", true, "sdb")
	n.volume("more", "vol2", "4m")
	guards, tables := n.guards(), n.tables()
	n.kill()
	n.start()
	n.enabled("data")
	n.enabled("more")
	if diff := cmp.Diff(guards, n.guards()); diff != "" {
		t.Errorf("guarded now:\n%s", diff)
	}
	if diff := cmp.Diff(tables, n.tables()); diff != "" {
		t.Errorf("tables now:\n%s", diff)
	}
}
