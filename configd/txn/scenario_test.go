// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

// TestScenarios runs the stories under testdata. Commands:
//
//	nodes disks=a,b,c            three nodes, node 1 master, group g on the disks, all joined; joined=1 leaves 2 and 3 out
//	ask node=1 id=5 CHANGE       create v 4 | shrink v 1 | grow v 8 | extend v 1 | remove v | adddisk d | private p d   (MiB)
//	at node=1 ACTION COMMAND...  when node 1 is about to do what begins with ACTION (underscores are spaces), once
//	COMMAND: kill 1 | off 1 | view members/joining/master | lose a 1 | find a 1 | bad a | heal | cut 1 2 |
//	open 1 v | busy 1 | holding 1 | stale 1 (its clusterd lags behind with the home records)
//	do COMMAND...                at once
//	start node=1                 configd again; with power=true the node boots
//	run ms=100                   let it happen
//	trace                        what was done since the last trace: what begins with one of grep=, of node=
//	status                       of each node
//	answers                      of the clients
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		s := &scenario{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if s.w != nil {
				s.w.t = t
			}
			return s.command(t, d)
		})
	})
}

type scenario struct {
	w     *world
	shown int
	traps []trap
}

// trap is something that happens when a node is about to act.
type trap struct {
	node   view.NodeID
	action string
	do     string
}

func (s *scenario) command(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "nodes":
		s.nodes(t, d)
	case "ask":
		s.ask(t, d)
	case "at":
		n := s.node(t, d)
		action := strings.ReplaceAll(d.CmdArgs[1].Key, "_", " ")
		s.traps = append(s.traps, trap{n.id, action, rest(d, 2)})
	case "do":
		s.happen(rest(d, 0))
	case "start":
		n, power := s.node(t, d), false
		d.MaybeScanArgs(t, "power", &power)
		if power {
			n.dark = false
		}
		n.boot(power)
	case "run":
		ms := 0
		d.ScanArgs(t, "ms", &ms)
		s.w.run(time.Duration(ms) * time.Millisecond)
	case "trace":
		return s.trace(t, d)
	case "status":
		return s.status()
	case "answers":
		return s.answers()
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	return ""
}

func rest(d *datadriven.TestData, from int) string {
	var words []string
	for _, a := range d.CmdArgs[from:] {
		words = append(words, a.Key)
	}
	return strings.Join(words, " ")
}

func (s *scenario) node(t *testing.T, d *datadriven.TestData) *node {
	id := 0
	d.ScanArgs(t, "node", &id)
	return s.w.nodes[view.NodeID(id)]
}

func (s *scenario) nodes(t *testing.T, d *datadriven.TestData) {
	disks, joined, private := "", 3, false
	d.ScanArgs(t, "disks", &disks)
	d.MaybeScanArgs(t, "joined", &joined)
	d.MaybeScanArgs(t, "private", &private)
	w := newWorld(t, 3, strings.Split(disks, ",")...)
	w.addDisk("z")
	s.w, s.shown, s.traps = w, 0, nil
	w.after = s.watch
	for _, id := range w.ids() {
		w.nodes[id].boot(true)
	}
	if private {
		w.run(time.Second)
		return
	}
	w.install([]view.NodeID{1}, nil, 1)
	w.run(time.Second)
	w.ask(1, 1, "", createGroup(w, "g", true, strings.Split(disks, ",")...))
	w.run(time.Second)
	if joined == 3 {
		w.install([]view.NodeID{1}, []view.NodeID{2, 3}, 1)
		w.run(time.Second)
		w.install([]view.NodeID{1, 2, 3}, nil, 1)
		w.run(time.Second)
	}
	s.shown = w.trace.Len()
}

func (s *scenario) ask(t *testing.T, d *datadriven.TestData) {
	n, id := s.node(t, d), uint64(0)
	d.ScanArgs(t, "id", &id)
	verb, name := d.CmdArgs[2].Key, d.CmdArgs[3].Key
	size := config.Size{Amount: config.Extent}
	if len(d.CmdArgs) > 4 {
		if mib, err := strconv.Atoi(d.CmdArgs[4].Key); err == nil {
			size.Amount *= config.Sectors(mib)
		}
	}
	group, base := "g", uint64(0)
	d.MaybeScanArgs(t, "group", &group)
	d.MaybeScanArgs(t, "base", &base)
	var c config.Change
	switch verb {
	case "create":
		c = createVolume(name, size.Amount)
	case "shrink":
		c = config.Resize{Volume: name, Size: size, Shrink: true}
	case "grow":
		c = config.Resize{Volume: name, Size: size}
	case "extend":
		size.Sign = '+'
		c = config.Resize{Volume: name, Size: size}
	case "remove":
		c = config.RemoveVolume{Volume: name}
	case "adddisk":
		c = config.AddDisks{Disks: []config.Disk{s.w.publicOf(name)}}
	case "private":
		g := createGroup(s.w, name, false, d.CmdArgs[4].Key)
		if name == "g" {
			g.ID = idOf("own") // another group of the same name
		}
		c = g
	case "shared":
		c = createGroup(s.w, name, true, "z")
	default:
		t.Fatalf("no change %s", verb)
	}
	s.w.judge.asked[id] = c
	n.step(Request{ID: id, Group: idOf(group), Base: base, Change: c})
}

// watch springs the traps.
func (s *scenario) watch(n *node, a Action) {
	for i, t := range s.traps {
		if t.node == n.id && strings.HasPrefix(plain(a.String()), t.action) {
			s.traps = slices.Delete(s.traps, i, i+1)
			s.happen(t.do)
			return
		}
	}
}

// plain leaves out the number of the operation, so that a story does not depend on it.
func plain(line string) string {
	words := strings.Fields(line)
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "#") }), " ")
}

func ids(list string) []view.NodeID {
	var all []view.NodeID
	for _, x := range strings.FieldsFunc(list, func(r rune) bool { return r == '+' || r == '-' }) {
		id, _ := strconv.Atoi(x)
		all = append(all, view.NodeID(id))
	}
	return all
}

func (s *scenario) happen(what string) {
	w, words := s.w, strings.Fields(what)
	w.logf("** %s", what)
	switch words[0] {
	case "kill", "off":
		n := w.nodes[ids(words[1])[0]]
		n.stop(words[0] == "off")
		n.dark = words[0] == "off"
	case "view":
		p := strings.Split(words[1], "/")
		w.install(ids(p[0]), ids(p[1]), ids(p[2])[0])
	case "lose":
		w.nodes[ids(words[2])[0]].lost[idOf(words[1])] = true
	case "find":
		delete(w.nodes[ids(words[2])[0]].lost, idOf(words[1]))
	case "bad":
		w.disks[idOf(words[1])].bad = true
	case "open":
		n := w.nodes[ids(words[1])[0]]
		n.open = append(n.open, Open{Group: idOf("g"), Volume: idOf(words[2]), Holder: "mount /mnt"})
	case "busy":
		w.nodes[ids(words[1])[0]].loadErr = "device or resource busy"
	case "cut":
		a, b := ids(words[1])[0], ids(words[2])[0]
		w.cut[[2]view.NodeID{a, b}], w.cut[[2]view.NodeID{b, a}] = true, true
	case "stale":
		w.nodes[ids(words[1])[0]].stale = maps.Clone(w.homes)
	case "holding":
		w.nodes[ids(words[1])[0]].holding = true
	case "heal":
		clear(w.cut)
		for _, d := range w.disks {
			d.bad = false
		}
	default:
		w.t.Fatalf("no such thing: %s", what)
	}
}

func (s *scenario) trace(t *testing.T, d *datadriven.TestData) string {
	grep, only := "", 0
	d.MaybeScanArgs(t, "grep", &grep)
	d.MaybeScanArgs(t, "node", &only)
	var out strings.Builder
	all := s.w.trace.String()
	for line := range strings.Lines(all[s.shown:]) {
		node, text, _ := strings.Cut(strings.TrimSpace(line), ":")
		text = plain(text)
		action := strings.HasPrefix(line, node+":   ")
		wanted := grep == "" || slices.ContainsFunc(strings.Split(grep, "+"), func(g string) bool { return strings.HasPrefix(text, strings.ReplaceAll(g, "_", " ")) })
		if action && wanted && (only == 0 || node == fmt.Sprint(only)) {
			fmt.Fprintf(&out, "%s: %s\n", node, text)
		} else if strings.HasPrefix(line, "**") || strings.HasPrefix(line, "--") {
			out.WriteString(line)
		}
	}
	s.shown = len(all)
	return out.String()
}

func (s *scenario) status() string {
	var out strings.Builder
	for _, id := range s.w.ids() {
		n := s.w.nodes[id]
		if !n.up {
			fmt.Fprintf(&out, "%d: down\n", id)
			continue
		}
		fmt.Fprintf(&out, "%d: %v\n", id, n.m.Status())
		if n.left != nil {
			fmt.Fprintf(&out, "  left: %s\n", n.left.Why)
		}
		for _, k := range n.kernel {
			if len(k.suspended) > 0 {
				fmt.Fprintf(&out, "  %d volumes suspended\n", len(k.suspended))
			}
		}
	}
	return out.String()
}

func (s *scenario) answers() string {
	var out strings.Builder
	for id := range uint64(100) {
		if a, ok := s.w.judge.answer[id]; ok {
			fmt.Fprintf(&out, "%v\n", a)
			delete(s.w.judge.answer, id)
		}
	}
	return out.String()
}
