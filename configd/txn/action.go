// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
	"github.com/plexus-cvm/plexus/configd/label"
)

// Action is one of the types below, as a value, never a pointer. One with an Op ends in the event of that Op, once,
// whether it succeeded or not; and when that event has come, nothing of the action is under way any more.
type Action interface {
	fmt.Stringer
	act(Env)
}

type (
	// Scan reads the labels of all disks. It ends in Scanned.
	Scan struct{ Op Op }

	// Write puts bytes onto a label and flushes them. It ends in Written.
	Write struct {
		Op     Op
		Write  label.Write
		What   string // in words, for a log
		Shared bool   // the disk is guarded
	}

	// PutHome replaces the home record of a group if it is still Expect. It ends in HomePut. The record of a private
	// group is a file of this node, written and flushed; that of a shared one lies in the cluster's log.
	PutHome struct {
		Op     Op
		Shared bool
		Expect view.Home
		Record view.Home
	}

	// Send hands a message to the link to another node. It may be lost.
	Send struct {
		To      view.NodeID
		Message Message
	}

	// Guard puts the disks into the gate's guard map under the group. It ends in Finished.
	Guard struct {
		Op    Op
		Group string
		Disks []string
	}

	// Hand gives the group's fence set to clusterd. It ends in Finished.
	Hand struct {
		Op    Op
		Fence Fence
	}

	// Load makes the group's devices ready for Want: it loads inactive tables bottom-up and suspends what changes. It must
	// have come to an end shortly after Deadline, and when it fails, or has to give up, what it suspended stays suspended
	// for Clear and Revive to bring back. It ends in Finished.
	Load struct {
		Op       Op
		Have     *config.Group // nil: no tables of this group are known to be loaded
		Want     config.Group
		Deadline view.Tick
	}

	// Resume swaps the loaded tables in, resumes, and removes what is not in Want. Where Holding is set clusterd holds the
	// node's I/O and resumes the devices itself when that ends: they are left suspended. It ends in Finished.
	Resume struct {
		Op      Op
		Have    *config.Group
		Want    config.Group
		Holding bool
	}

	// Clear drops the inactive tables that Load has loaded; nothing is resumed by it. It ends in Finished.
	Clear struct {
		Op   Op
		Have *config.Group
		Want config.Group
	}

	// Revive resumes the tables that were there before Load and removes the devices made by it; Holding as in Resume.
	// It ends in Finished.
	Revive struct {
		Op      Op
		Have    *config.Group
		Want    config.Group
		Holding bool
	}

	// Fail puts the error table under all devices of the group and resumes them, so that nobody waits any longer. It
	// stands beside Leave, and nothing comes back from it.
	Fail struct{ Group string }

	// Leave makes this node leave its cluster at once.
	Leave struct {
		Reason view.Reason
		Why    string
	}

	// Accuse asks clusterd for a reconfiguration, because that node does not answer.
	Accuse struct {
		Node view.NodeID
		Why  string
	}

	// ReportJoin tells clusterd how the configuration join in that view went: ReasonNone is ready.
	ReportJoin struct {
		View   view.Seq
		Reason view.Reason
		Why    string
	}

	// Answer ends a client's Request.
	Answer struct {
		ID      uint64
		Outcome Outcome
		Version uint64 // of the group, when Done
		Why     string
	}

	// Arm asks for a Tick event at At. It replaces the one before; zero is never.
	Arm struct{ At view.Tick }
)

// Fence is what a machine knows of a group's fence set; the edge adds what the kernel says of disks and devices.
type Fence struct {
	Group   string // id
	Name    string
	Disks   []string
	Volumes []FenceVolume
}

// FenceVolume is one volume in a Fence.
type FenceVolume struct {
	ID, Name string
	Owned    bool // configd has it suspended, or is about to
}

func (a Scan) act(e Env)       { e.Scan(a) }
func (a Write) act(e Env)      { e.Write(a) }
func (a PutHome) act(e Env)    { e.PutHome(a) }
func (a Send) act(e Env)       { e.Send(a) }
func (a Guard) act(e Env)      { e.Guard(a) }
func (a Hand) act(e Env)       { e.Hand(a) }
func (a Load) act(e Env)       { e.Load(a) }
func (a Resume) act(e Env)     { e.Resume(a) }
func (a Clear) act(e Env)      { e.Clear(a) }
func (a Revive) act(e Env)     { e.Revive(a) }
func (a Fail) act(e Env)       { e.Fail(a) }
func (a Leave) act(e Env)      { e.Leave(a) }
func (a Accuse) act(e Env)     { e.Accuse(a) }
func (a ReportJoin) act(e Env) { e.ReportJoin(a) }
func (a Answer) act(e Env)     { e.Answer(a) }
func (a Arm) act(e Env)        { e.Arm(a) }

func (a Scan) String() string { return fmt.Sprintf("scan #%d", a.Op) }

func (a Write) String() string {
	return fmt.Sprintf("write #%d %s %s", a.Op, short(a.Write.Disk), a.What)
}

func (a PutHome) String() string {
	return fmt.Sprintf("put #%d home %s v%d by %s expect v%d by %s", a.Op, short(a.Record.GroupID), a.Record.Version,
		ballot(a.Record.Ballot), a.Expect.Version, ballot(a.Expect.Ballot))
}

func (a Send) String() string { return fmt.Sprintf("send %d %v", a.To, a.Message.Body) }
func (a Guard) String() string {
	return fmt.Sprintf("guard #%d %s %s", a.Op, short(a.Group), list(a.Disks, short))
}
func (a Hand) String() string { return fmt.Sprintf("hand #%d %v", a.Op, a.Fence) }

func (a Load) String() string {
	return fmt.Sprintf("load #%d %s v%d over %s until %v", a.Op, a.Want.Name, a.Want.Version, have(a.Have), a.Deadline)
}

func (a Resume) String() string {
	return fmt.Sprintf("resume #%d %s v%d%s", a.Op, a.Want.Name, a.Want.Version, holding(a.Holding))
}

func (a Clear) String() string {
	return fmt.Sprintf("clear #%d %s v%d", a.Op, a.Want.Name, a.Want.Version)
}

func (a Revive) String() string {
	return fmt.Sprintf("revive #%d %s %s%s", a.Op, a.Want.Name, have(a.Have), holding(a.Holding))
}

func (a Fail) String() string   { return "fail " + short(a.Group) }
func (a Leave) String() string  { return fmt.Sprintf("leave %s: %s", a.Reason, a.Why) }
func (a Accuse) String() string { return fmt.Sprintf("accuse %d: %s", a.Node, a.Why) }

func (a ReportJoin) String() string {
	if a.Reason == view.ReasonNone {
		return fmt.Sprintf("report view %d ready", a.View)
	}
	return fmt.Sprintf("report view %d %s: %s", a.View, a.Reason, a.Why)
}

func (a Answer) String() string {
	return Result{ID: a.ID, Outcome: a.Outcome, Version: a.Version, Why: a.Why}.answer()
}

func (m Result) answer() string { return "answer" + m.String()[len("result"):] }

func (a Arm) String() string {
	if a.At == 0 {
		return "arm never"
	}
	return fmt.Sprintf("arm %v", a.At)
}

func (f Fence) String() string {
	return fmt.Sprintf("fence %s disks %s volumes %s", f.Name, list(f.Disks, short), list(f.Volumes, func(v FenceVolume) string {
		if v.Owned {
			return v.Name + "(owned)"
		}
		return v.Name
	}))
}

func have(g *config.Group) string {
	if g == nil {
		return "nothing"
	}
	return fmt.Sprintf("v%d", g.Version)
}

func holding(is bool) string {
	if is {
		return " holding"
	}
	return ""
}
