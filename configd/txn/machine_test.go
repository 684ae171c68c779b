// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"testing"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

func createGroup(w *world, name string, shared bool, disks ...string) config.CreateGroup {
	c := config.CreateGroup{Name: name, ID: idOf(name), Shared: shared}
	if shared {
		c.Cluster = testCluster
	}
	for _, d := range disks {
		c.Disks = append(c.Disks, w.publicOf(d))
	}
	return c
}

func createVolume(name string, size config.Sectors) config.CreateVolume {
	return config.CreateVolume{Name: name, ID: idOf(name), Layout: config.Concat, Size: config.Size{Amount: size}}
}

func TestThreeNodesMakeOneGroupAndChangeItTogether(t *testing.T) {
	w := newWorld(t, 3, "a", "b", "c")
	for _, id := range w.ids() {
		w.nodes[id].boot(true)
	}
	w.install([]view.NodeID{1}, nil, 1)
	w.run(time.Second)
	w.ask(1, 1, "", createGroup(w, "g", true, "a", "b", "c"))
	w.run(time.Second)
	w.install([]view.NodeID{1}, []view.NodeID{2, 3}, 1)
	w.run(time.Second)
	w.install([]view.NodeID{1, 2, 3}, nil, 1)
	w.run(time.Second)
	w.ask(2, 2, "g", createVolume("v", 4*config.Extent))
	w.run(time.Second)
	w.ask(3, 3, "g", createVolume("x", 4*config.Extent))
	w.run(time.Second)
	w.ask(1, 4, "g", config.RemoveVolume{Volume: "x"})
	w.run(time.Second)
	for id := range uint64(4) {
		if a := w.judge.answer[id+1]; a.Outcome != Done || a.Version != id+1 {
			t.Errorf("request %d: %v", id+1, a)
		}
	}
	w.judge.final()
	if t.Failed() {
		t.Log(w.trace.String())
	}
}

func TestAPrivateGroupNeedsNoClusterAndComesBackAfterARestart(t *testing.T) {
	w := newWorld(t, 1, "a", "b")
	n := w.nodes[1]
	n.boot(true)
	w.run(time.Second)
	w.ask(1, 1, "", createGroup(w, "p", false, "a", "b"))
	w.run(time.Second)
	w.ask(1, 2, "p", createVolume("v", 4*config.Extent))
	w.run(time.Second)
	n.stop(true)
	n.boot(true)
	w.run(time.Second)
	w.ask(1, 3, "p", createVolume("x", 4*config.Extent))
	w.run(time.Second)
	for id := range uint64(3) {
		if a := w.judge.answer[id+1]; a.Outcome != Done || a.Version != id+1 {
			t.Errorf("request %d: %v", id+1, a)
		}
	}
	if k := n.kernel[idOf("p")]; k == nil || len(k.live) != 2 {
		t.Errorf("the kernel has %v", k)
	}
	if t.Failed() {
		t.Log(w.trace.String())
	}
}

func TestWhatComesFromAnOlderViewOrLifeIsRefused(t *testing.T) {
	w := newWorld(t, 2, "a")
	for _, id := range w.ids() {
		w.nodes[id].boot(true)
	}
	w.install([]view.NodeID{1}, nil, 1)
	w.run(time.Second)
	w.ask(1, 1, "", createGroup(w, "g", true, "a"))
	w.run(time.Second)
	w.install([]view.NodeID{1, 2}, nil, 1)
	w.run(time.Second)
	w.nodes[1].stop(false)
	w.nodes[1].boot(false)
	w.run(time.Second)
	slave := w.nodes[2].m
	next, err := config.Edit(*slave.Status().Groups[0].Config, createVolume("v", config.Extent))
	if err != nil {
		t.Fatal(err)
	}
	text := newText(next, nil)
	tx := view.Ballot{View: 2, Start: 2, Step: 99}
	propose := Propose{Tx: tx, Group: idOf("g"), Base: 1, Hash: text.hash, Text: text.body}
	for _, c := range []struct {
		name string
		head Head
		want uint64 // proposed
	}{
		{"an older life", Head{1, 2, 1}, 0},
		{"an older view", Head{1, 1, 2}, 0},
		{"a view to come", Head{1, 3, 2}, 0},
		{"a node that is in no view", Head{3, 2, 2}, 0},
		{"the master as it is", Head{1, 2, 2}, 2},
	} {
		slave.Step(w.now, Received{Message{c.head, propose}})
		if got := slave.Status().Groups[0].Proposed; got != c.want {
			t.Errorf("%s: version %d is proposed, want %d", c.name, got, c.want)
		}
	}
}

func TestAForwardedChangeIsForOneLifeOfTheMasterAlone(t *testing.T) {
	w := newWorld(t, 2, "a")
	for _, id := range w.ids() {
		w.nodes[id].boot(true)
	}
	w.install([]view.NodeID{1}, nil, 1)
	w.run(time.Second)
	w.ask(1, 1, "", createGroup(w, "g", true, "a"))
	w.run(time.Second)
	w.install([]view.NodeID{1, 2}, nil, 1)
	w.run(time.Second)
	w.nodes[1].stop(false)
	w.nodes[1].boot(false)
	w.run(time.Second)
	change := string(config.EncodeChange(createVolume("v", config.Extent)))
	for _, c := range []struct {
		life uint64
		want uint64
	}{{1, 1}, {2, 2}} {
		w.nodes[1].step(Received{Message{Head{2, 2, 1}, Forward{ID: 1, Master: c.life, Group: idOf("g"), Change: change}}})
		w.run(time.Second)
		if got := w.nodes[1].m.Status().Groups[0].Version; got != c.want {
			t.Errorf("a change meant for life %d of the master: version %d, want %d", c.life, got, c.want)
		}
	}
}

func TestAnAnswerToAFormerLifeIsNotTakenForOneToTheNext(t *testing.T) {
	w := newWorld(t, 3, "a")
	for _, id := range w.ids() {
		w.nodes[id].boot(true)
	}
	w.install([]view.NodeID{1}, nil, 1)
	w.run(time.Second)
	w.ask(1, 1, "", createGroup(w, "g", true, "a"))
	w.run(time.Second)
	w.nodes[3].stop(false) // changes wait for it
	w.install([]view.NodeID{1, 2, 3}, nil, 1)
	w.run(time.Second)
	w.ask(2, 2, "g", createVolume("v", config.Extent))
	w.run(100 * time.Millisecond)
	w.nodes[2].stop(false)
	w.nodes[2].boot(false)
	w.run(time.Second)
	w.ask(2, 3, "g", createVolume("x", config.Extent))
	w.run(time.Second)
	w.nodes[3].boot(false)
	w.run(3 * time.Second)
	if a := w.judge.answer[3]; a.Outcome != Done || a.Version != 3 {
		t.Errorf("the second change, which made version 3, was answered %v", a)
	}
	if t.Failed() {
		t.Log(w.trace.String())
	}
}
