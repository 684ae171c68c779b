// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// TestScenarios runs the stories in testdata. Commands:
//
//	start N                 start a node with whatever its disk holds
//	init N                  it founds a cluster
//	enroll N [witness]      the cluster gives N its id, asked for at the first node that runs
//	join N                  it asks to join
//	run MS                  time passes
//	cut A B | oneway A B | isolate N | heal
//	crash N | freeze N | thaw N | wipe N
//	answers N on|off        whether hold, leave, close and the configuration join answer at once
//	disks N MS              its I/O may be under way for so long below its gate
//	tell N EVENT            held, drained, closed, refused, failed, stop, force, cancel, ready, unready
//	status                  what each node says of itself
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := newWorld(1)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			w.out.Reset()
			if err := w.command(d); err != nil {
				d.Fatalf(t, "%v", err)
			}
			if w.out.Len() == 0 {
				return "ok\n"
			}
			return w.out.String()
		})
	})
}

func (w *world) command(d *datadriven.TestData) error {
	arg := func(i int) int {
		n := 0
		if i < len(d.CmdArgs) {
			_, _ = fmt.Sscan(d.CmdArgs[i].Key, &n)
		}
		return n
	}
	if d.Cmd == "run" {
		w.run(time.Duration(arg(0)) * time.Millisecond)
		return nil
	}
	if d.Cmd == "heal" {
		clear(w.cut)
		return nil
	}
	if d.Cmd == "status" {
		for _, h := range w.nodes {
			if h.m != nil {
				fmt.Fprintf(&w.out, "%v\n", h.m.Status(w.now))
			}
		}
		return nil
	}
	h, err := w.host(arg(0))
	if err != nil {
		return err
	}
	switch d.Cmd {
	case "start":
		return w.start(h)
	case "init":
		w.do(h, Init{Cluster: "c0", Self: Record{Name: "n1", Key: "k1"}})
	case "enroll":
		return w.enroll(h, len(d.CmdArgs) > 1)
	case "join":
		w.do(h, Join{Cluster: "c0", Peers: w.peers()})
	case "cut", "oneway":
		w.cut[[2]view.NodeID{h.id, view.NodeID(arg(1))}] = true
		w.cut[[2]view.NodeID{view.NodeID(arg(1)), h.id}] = d.Cmd == "cut"
	case "isolate":
		for _, o := range w.nodes {
			w.cut[[2]view.NodeID{h.id, o.id}], w.cut[[2]view.NodeID{o.id, h.id}] = true, true
		}
	case "crash":
		h.m, h.events = nil, nil
	case "freeze":
		h.frozen = true
	case "thaw":
		h.frozen = false
	case "wipe":
		h.disk = Disk{}
	case "answers":
		h.answers = d.CmdArgs[1].Key == "on"
	case "disks":
		w.do(h, Disks{Reach: 1, InFlight: time.Duration(arg(1)) * time.Millisecond})
	case "tell":
		return w.tell(h, d.CmdArgs[1].Key)
	default:
		return fmt.Errorf("unknown command %s", d.Cmd)
	}
	w.deliver()
	return nil
}

func (w *world) enroll(h *host, witness bool) error {
	for _, o := range w.nodes {
		if o.m != nil && o.m.node != nil {
			token := fmt.Sprintf("token of %d", h.id)
			w.do(o, Request{ID: uint64(h.id) * 10, Entry: MakeToken{Hash: token, Uses: 1}})
			w.deliver()
			name := fmt.Sprintf("n%d", h.id)
			e := Enroll{Name: name, Key: "k" + name, Token: token, Witness: witness}
			w.do(o, Request{ID: uint64(h.id)*10 + 1, Entry: e})
			w.deliver()
			return nil
		}
	}
	return fmt.Errorf("no node runs that could be asked")
}

func (w *world) tell(h *host, what string) error {
	events := map[string]Event{
		"held": Held{}, "drained": Drained{}, "closed": Closed{}, "refused": Refused{Count: 1},
		"failed": Failed{Reason: view.ReasonReconfiguration}, "stop": Stop{}, "force": Stop{Force: true},
		"cancel": Cancel{}, "ready": ConfigJoined{Inc: h.m.life.inc},
		"unready": ConfigJoined{Inc: h.m.life.inc, Reason: view.ReasonNameConflict},
	}
	e, ok := events[what]
	if !ok {
		return fmt.Errorf("unknown event %s", what)
	}
	w.do(h, e)
	w.deliver()
	return nil
}
