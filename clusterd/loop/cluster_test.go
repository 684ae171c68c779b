// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm/dmtest"
)

func TestThreeNodesBecomeOneClusterAndOneLeavesAndComesBack(t *testing.T) {
	nodes := cluster(t, 3)
	for i, n := range nodes {
		s := n.seeMembers(1, 2, 3)
		want := "slave"
		if i == 0 {
			want = "master"
		}
		if s.Role != want || s.Name != n.name || s.Cluster == "" || len(s.Nodes) != 3 || s.Lease != view.LeaseRunning {
			t.Errorf("%s shows %+v", n.name, s)
		}
	}
	before := nodes[2].seeMember().Incarnation
	s, err := nodes[2].Leave(nodes[2].ctx(), api.LeaveRequest{})
	if err != nil || s.Condition != view.Out || s.LastLeave == nil || s.LastLeave.Reason != view.ReasonUserStop {
		t.Fatalf("leave: %+v, %v", s, err)
	}
	if err := nodes[2].end(); err != nil {
		t.Errorf("clusterd ended with %v", err)
	}
	nodes[0].seeMembers(1, 2)
	if lease, _ := nodes[2].gate.Lease(); lease.State != bpf.LeaseFenced {
		t.Errorf("the gate of a node that has left is %v", lease.State)
	}

	nodes[2].start().configd(true)
	after := nodes[2].seeMember().Incarnation
	if after <= before {
		t.Errorf("incarnation %d after %d", after, before)
	}
	nodes[0].seeMembers(1, 2, 3)
}

func TestACleanLeaveWaitsForAnOpenVolumeAndNamesIt(t *testing.T) {
	n := cluster(t, 1)[0]
	n.kill()
	n.start().configd(false)
	n.seeMember()
	n.volume("vol1")
	n.kernel.With(func(k *dmtest.Kernel) { _ = k.Open("data-vol1") })

	ended := make(chan error, 1)
	go func() {
		_, err := n.Leave(n.t.Context(), api.LeaveRequest{})
		ended <- err
	}()
	n.see("the holder", func(s api.Status) bool {
		return s.Condition == view.Leaving && len(s.Waiting) == 1 && s.Waiting[0].Volume == "data-vol1" && s.Waiting[0].Holder != ""
	})
	if _, err := n.Join(n.ctx(), api.JoinRequest{}); err == nil || !strings.Contains(err.Error(), "is leaving") {
		t.Errorf("a join during the leave: %v", err)
	}
	if s, err := n.Leave(n.ctx(), api.LeaveRequest{Cancel: true}); err != nil || s.Condition != view.InView {
		t.Errorf("called off: %+v, %v", s, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the leave that was called off: %v", err)
	}

	go func() {
		_, err := n.Leave(n.t.Context(), api.LeaveRequest{})
		ended <- err
	}()
	n.see("the leave", func(s api.Status) bool { return s.Condition == view.Leaving })
	n.hangUp()
	n.see("what is missing", func(s api.Status) bool { return strings.Contains(s.Stage, "configd, which is not running") })
	n.out.Wait()
	n.kernel.With(func(k *dmtest.Kernel) { _ = k.Close("data-vol1") })
	n.configd(true) // takes the volume away
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := n.end(); err != nil {
		t.Error(err)
	}
	if len(n.leaver.leaves()) != 0 {
		t.Error("disks were cut in a clean leave")
	}
	left, err := os.ReadDir(filepath.Join(n.dir, "run", "fence"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAForcedLeaveTakesTheDisksAwayAndStaysAway(t *testing.T) {
	nodes := cluster(t, 3)
	n := nodes[2]
	n.volume("vol1")
	inc := n.seeMember().Incarnation
	s, err := n.Leave(n.ctx(), api.LeaveRequest{Force: true})
	if err != nil || s.Condition != view.Out || s.LastLeave == nil {
		t.Fatalf("leave: %+v, %v", s, err)
	}
	if l := s.LastLeave; l.Reason != view.ReasonUserAbort || !l.Drained || l.Incarnation != inc || l.Report == "" {
		t.Errorf("last leave %+v", l)
	}
	if left := n.leaver.leaves(); len(left) != 1 || len(left[0].sets) != 1 || left[0].sets[0].Group != "data" || left[0].seq == 0 {
		t.Errorf("taken away: %+v", left)
	}
	if err := n.end(); err != nil {
		t.Error(err)
	}
	nodes[0].seeMembers(1, 2)
}

func TestAStoppedNodeIsEvictedAndComesBackAsANewIncarnation(t *testing.T) {
	nodes := cluster(t, 3)
	before := nodes[2].seeMember().Incarnation
	nodes[2].kill()
	nodes[0].seeMembers(1, 2)
	nodes[1].seeMembers(1, 2)
	nodes[2].start().configd(true)
	if after := nodes[2].seeMember().Incarnation; after <= before {
		t.Errorf("incarnation %d after %d", after, before)
	}
	nodes[0].seeMembers(1, 2, 3)
}

func TestAFrozenNodeLeavesWhenItThawsAndJoinsAnew(t *testing.T) {
	nodes := cluster(t, 3)
	n := nodes[2]
	n.volume("vol1")
	before := n.seeMember().Incarnation
	thaw := n.freeze()
	defer thaw()
	nodes[0].seeMembers(1, 2)
	thaw()
	s := n.see("the new life", func(s api.Status) bool { return s.Condition == view.InView && s.Incarnation > before })
	if l := s.LastLeave; l == nil || l.Reason != view.ReasonLeaseLost || l.Incarnation != before || !l.Drained {
		t.Errorf("last leave %+v", l)
	}
	if len(n.leaver.leaves()) != 1 {
		t.Errorf("left %d times", len(n.leaver.leaves()))
	}
	nodes[0].seeMembers(1, 2, 3)
}

func TestAPersonsLeaveDuringAnotherIsTheLastWord(t *testing.T) {
	nodes := cluster(t, 3)
	n := nodes[2]
	n.volume("vol1")
	drained := make(chan struct{})
	n.leaver.set(false, drained)
	thaw := n.freeze()
	defer thaw()
	nodes[0].seeMembers(1, 2)
	thaw()
	n.see("the leave", func(s api.Status) bool { return s.Condition == view.Aborting })
	ended := make(chan error, 1)
	go func() {
		_, err := n.Leave(n.t.Context(), api.LeaveRequest{})
		ended <- err
	}()
	n.see("the wish", func(api.Status) bool { return n.wanted() })
	close(drained)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := n.end(); err != nil { // and it does not join again
		t.Error(err)
	}
}

func (n *node) wanted() (is bool) {
	_ = n.do(n.ctx(), func() error { is = n.Loop.away.wanted; return nil })
	return is
}

func TestAWholeClusterComesUpFromItsLogs(t *testing.T) {
	nodes := cluster(t, 3)
	for _, n := range nodes {
		n.kill()
	}
	for _, n := range nodes {
		n.start().configd(true)
	}
	for _, n := range nodes {
		n.seeMembers(1, 2, 3)
		n.seeMember()
	}
}

func TestVolumesAreHeldWhileThereIsNoQuorumAndGoOnAfterIt(t *testing.T) {
	nodes := cluster(t, 3)
	n := nodes[0]
	n.volume("vol1")
	x := stage{t: t, kernel: n.kernel}
	thaw2, thaw3 := nodes[1].freeze(), nodes[2].freeze()
	defer thaw2()
	defer thaw3()
	n.see("the hold", func(s api.Status) bool { return s.Holding && len(x.suspended()) == 1 })
	lease, _ := n.gate.Lease()
	for lease.Hold <= lease.Deadline {
		lease, _ = n.gate.Lease()
	}
	thaw2()
	thaw3()
	n.see("the release", func(s api.Status) bool { return !s.Holding && s.Condition == view.InView && len(x.suspended()) == 0 })
	if lease, _ := n.gate.Lease(); lease.Hold >= lease.Deadline {
		t.Error("the gate still lets volumes wait though none is suspended")
	}
	if len(n.leaver.leaves()) != 0 {
		t.Error("it left")
	}
}
