// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/fence"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// refused checks that an error names what it must, and has the code.
func refused(t *testing.T, err error, code api.Code, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was not refused")
	}
	e := api.AsError(err)
	if e.Code != code {
		t.Errorf("code %s of %v", e.Code, err)
	}
	for _, w := range words {
		if !strings.Contains(e.Message+"\n"+e.Hint, w) {
			t.Errorf("%q is not in: %s (hint: %s)", w, e.Message, e.Hint)
		}
	}
}

// nothingOf checks that the state directory holds no trace of a cluster.
func (n *node) nothingOf() {
	n.t.Helper()
	for _, name := range []string{"pki", foundingName} {
		if _, err := os.Stat(filepath.Join(n.state(), name)); !errors.Is(err, os.ErrNotExist) {
			n.t.Errorf("%s is left behind (%v)", name, err)
		}
	}
}

func (n *node) occupy() (free func()) {
	n.t.Helper()
	l, err := net.Listen("tcp", netip.AddrPortFrom(n.settings.Interconnect, n.settings.MemberPort).String())
	if err != nil {
		n.t.Fatal(err)
	}
	return func() { l.Close() }
}

func TestAFoundingThatCannotListenLeavesNothing(t *testing.T) {
	n := newNode(t, "n1")
	free := n.occupy()
	n.start()
	_, err := n.Init(n.ctx(), api.InitRequest{})
	refused(t, err, api.Failed, "found a cluster", "address already in use", fmt.Sprint(n.settings.MemberPort))
	n.nothingOf()
	free()
	n.initCluster() // and it can be done again
}

func TestAFoundingWhoseLogCannotBeWrittenIsForgotten(t *testing.T) {
	n := newNode(t, "n1")
	n.save = func(member.Persist) error { return errors.New("no space left on device") }
	n.start()
	_, err := n.Init(n.ctx(), api.InitRequest{})
	refused(t, err, api.Failed, "found a cluster", "no space left on device")
	if err := n.end(); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("clusterd ended with %v", err)
	}
	n.save = nil
	n.start()
	n.nothingOf()
	n.initCluster()
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	n := newNode(t, "n1")
	here := n.settings.Interconnect
	n.settings.Interconnect = netip.Addr{}
	n.start()
	_, err := n.Init(n.ctx(), api.InitRequest{})
	refused(t, err, api.NotAllowed, "interconnect is not set", "plexus.toml")
	_, err = n.Leave(n.ctx(), api.LeaveRequest{})
	refused(t, err, api.NotAllowed, "in no cluster", "plexus cluster init")
	_, err = n.Token(n.ctx(), api.TokenRequest{})
	refused(t, err, api.NotAllowed, "in no cluster")
	_, err = n.Join(n.ctx(), api.JoinRequest{})
	refused(t, err, api.BadRequest, "needs a join token", "plexus cluster token")
	_, err = n.Join(n.ctx(), api.JoinRequest{Token: "plexus-join:nonsense"})
	refused(t, err, api.BadRequest, "join", "copy the whole line")
	n.kill()

	n.settings.Interconnect = here
	n.start()
	_, err = n.Init(n.ctx(), api.InitRequest{Name: strings.Repeat("n", 65)})
	refused(t, err, api.BadRequest, "1 to 64 bytes")
	n.nothingOf()
	n.initCluster()
	_, err = n.Init(n.ctx(), api.InitRequest{})
	refused(t, err, api.NotAllowed, "this node is node 1 of cluster", n.state())
	_, err = n.Join(n.ctx(), api.JoinRequest{Token: n.token(1)})
	refused(t, err, api.NotAllowed, "already node 1", "without a token")
	_, err = n.Token(n.ctx(), api.TokenRequest{Uses: -1})
	refused(t, err, api.BadRequest, "1 to 64")
}

func TestATokenIsGoodAgainWhereTheJoinerCouldNotListen(t *testing.T) {
	first := newNode(t, "n1").start()
	first.initCluster()
	token := first.token(1)
	n := newNode(t, "n2")
	free := n.occupy()
	n.start()
	_, err := n.Join(n.ctx(), api.JoinRequest{Token: token})
	refused(t, err, api.Failed, "join cluster", "address already in use")
	n.nothingOf()
	free()
	n.joinBy(token)
	first.seeMembers(1, 2)
}

func TestANodeWithoutItsLogFindsTheOthers(t *testing.T) {
	nodes := cluster(t, 3)
	n := nodes[1]
	before := n.seeMember().Incarnation
	// With two voters the loss of one log would be the loss of the majority.
	nodes[0].see("three voters", func(s api.Status) bool { return len(s.Voters) == 3 })
	n.kill()
	if err := os.RemoveAll(filepath.Join(n.state(), "raft")); err != nil {
		t.Fatal(err)
	}
	n.start().configd(true)
	if after := n.seeMember().Incarnation; after <= before {
		t.Errorf("incarnation %d after %d", after, before)
	}
	nodes[0].seeMembers(1, 2, 3)
}

func TestALeaveOfBeforeIsFinishedFirst(t *testing.T) {
	n := newNode(t, "n1").start()
	n.initCluster()
	n.kill()
	x := newStage(t)
	sets, err := fence.OpenStore(filepath.Join(n.dir, "run", "fence"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sets.Put(x.set("a")); err != nil {
		t.Fatal(err)
	}
	if err := sets.Begin(fence.Leave{Seq: 77, Inc: 5, Reason: view.ReasonLeaseLost}); err != nil {
		t.Fatal(err)
	}
	drain := make(chan struct{})
	n.leaver.set(false, drain)
	n.start().configd(true)
	s := n.see("the leave", func(s api.Status) bool { return s.Stage == "finishing the leave of before" })
	if s.Condition != view.Out || s.Lease == view.LeaseRunning {
		t.Errorf("while it leaves: %+v", s)
	}
	joined := make(chan error, 1)
	go func() { // must wait
		_, err := n.Join(t.Context(), api.JoinRequest{})
		joined <- err
	}()
	n.see("the wish to join", func(api.Status) bool {
		var wished bool
		_ = n.do(n.ctx(), func() error { wished = !n.Loop.rejoin.IsZero(); n.tick(); return nil })
		return wished
	})
	if s := n.see("a status", func(api.Status) bool { return true }); s.Condition != view.Out {
		t.Fatal("it joins before it has left")
	}
	close(drain)
	if err := <-joined; err != nil {
		t.Fatal(err)
	}
	s = n.seeMember()
	if l := s.LastLeave; l == nil || l.Incarnation != 5 || l.Reason != view.ReasonLeftBefore || !l.Drained {
		t.Errorf("last leave %+v", l)
	}
	left := n.leaver.leaves()
	if len(left) != 1 || left[0].seq != 77 || len(left[0].sets) != 1 {
		t.Errorf("taken away: %+v", left)
	}
}

func TestANodeWithDisksFromBeforeAndNoClusterTakesThemAwayUntilTheyAreGone(t *testing.T) {
	n := newNode(t, "n1")
	x := newStage(t)
	sets, err := fence.OpenStore(filepath.Join(n.dir, "run", "fence"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sets.Put(x.set("a")); err != nil {
		t.Fatal(err)
	}
	n.leaver.set(true, nil)
	n.start()
	n.see("a try", func(s api.Status) bool { return s.LastLeave != nil && !s.LastLeave.Drained })
	_, err = n.Init(n.ctx(), api.InitRequest{})
	refused(t, err, api.NotAllowed, "still leaving", "plexus cluster status")
	n.leaver.set(false, nil)
	n.see("the end", func(s api.Status) bool { return s.LastLeave.Drained })
	n.initCluster()
}

func TestHomeRecordsSurviveARestartThroughASnapshot(t *testing.T) {
	n := newNode(t, "n1").start()
	n.initCluster()
	home := func(group byte, step uint64) view.Home {
		return view.Home{GroupID: strings.Repeat(string(group), 32), Version: step, Hash: "h", Ballot: view.Ballot{View: 1, Start: 1, Step: step}}
	}
	put := func(expect, record view.Home) api.HomeReply {
		t.Helper()
		r, err := n.PutHome(n.ctx(), api.HomeRequest{Expect: expect, Record: record})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := put(view.Home{}, home('a', 1)); !r.Done {
		t.Fatalf("%+v", r)
	}
	last := view.Home{}
	for i := range uint64(300) { // more than the log keeps
		next := home('b', i+1)
		if r := put(last, next); !r.Done || r.Current != next {
			t.Fatalf("%d: %+v", i, r)
		}
		last = next
	}
	if r := put(home('b', 1), home('b', 1000)); r.Done || r.Current != last {
		t.Errorf("a stale one: %+v", r)
	}
	n.kill()
	n.start()
	seen := make(chan []view.Home, 100)
	ctx, cancel := context.WithCancel(t.Context())
	n.hangUp = cancel
	l := n.Loop
	n.out.Go(func() {
		_ = l.Register(ctx, api.RegisterRequest{PID: 1}, func(u api.Update) error {
			select {
			case seen <- u.Homes:
			default:
			}
			return nil
		})
	})
	if got := <-seen; len(got) != 2 || got[0] != home('a', 1) || got[1].GroupID != last.GroupID {
		t.Errorf("shown: %+v", got)
	}
}

func TestAConfigdThatHungUpBeforeItWasHeardKeepsNobodyOut(t *testing.T) {
	n := newNode(t, "n1").start()
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_ = n.Register(ctx, api.RegisterRequest{PID: 7}, func(api.Update) error { return nil })
	}
	n.initCluster() // with a configd
	err := n.Register(t.Context(), api.RegisterRequest{PID: 8}, func(api.Update) error { return nil })
	refused(t, err, api.NotAllowed, "configd 8", "configd 1 is registered")
	_, err = n.PutFence(n.ctx(), api.FenceRequest{Start: n.registered() - 1, Set: view.FenceSet{Group: "data", GroupID: groupID}})
	refused(t, err, api.NotAllowed, "not the registered one")
}
