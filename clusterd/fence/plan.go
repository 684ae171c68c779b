// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Plan is a leave.
type Plan struct {
	Seq    view.Seq // of the view that is left; it goes into the volumes' names
	Stages []Stage
}

// Stage is acts that do not depend on each other, or stand in their order, and the time that they have together.
type Stage struct {
	Name  string
	Limit time.Duration
	// Together: all acts at once, one for each disk.
	Together bool
	Acts     []Act
}

// Act is one thing to do. The set is closed.
type Act interface {
	fmt.Stringer
	// do returns what was seen, for the report.
	do(context.Context, Env) (string, error)
}

type (
	// ShutGate shuts the gate.
	ShutGate struct{}
	// FailFast sets the knob of a disk's session.
	FailFast struct{ Disk view.FenceDisk }
	// Sever destroys the sockets to portals.
	Sever struct{ Portals []netip.AddrPort }
	// Delete deletes a disk's device.
	Delete struct{ Disk view.FenceDisk }
	// Drain waits until nothing of a disk is left through which I/O could go out.
	Drain struct {
		Disk view.FenceDisk
		Cut  bool // its transport was cut: it must be gone
	}
	// ToError gives a group's volumes the error table, those below first.
	ToError struct {
		Group   string
		Volumes []view.FenceVolume
	}
	// SetAside renames a group's volumes.
	SetAside struct {
		Group   string
		Volumes []view.FenceVolume
		Seq     view.Seq
	}
	// RemoveLeft removes what was set aside and nobody has open.
	RemoveLeft struct{}
)

func (ShutGate) String() string   { return "shut the gate" }
func (a FailFast) String() string { return "fast-fail " + a.Disk.Dev }
func (a Sever) String() string {
	words := make([]string, len(a.Portals))
	for i, p := range a.Portals {
		words[i] = p.String()
	}
	return "destroy sockets to " + strings.Join(words, " ")
}
func (a Delete) String() string   { return "delete " + a.Disk.Dev }
func (a Drain) String() string    { return "drain " + a.Disk.Dev }
func (a ToError) String() string  { return "error tables for group " + a.Group }
func (a SetAside) String() string { return fmt.Sprintf("set the volumes of group %s aside", a.Group) }
func (RemoveLeft) String() string { return "remove volumes that nobody has open" }

// String prints the plan, a stage a line with its acts behind.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "leave view %d\n", p.Seq)
	for _, s := range p.Stages {
		words := make([]string, len(s.Acts))
		for i, a := range s.Acts {
			words[i] = a.String()
		}
		fmt.Fprintf(&b, "  %-9s %-4v %s\n", s.Name, s.Limit, strings.Join(words, "; "))
	}
	return b.String()
}

// The stages that the others count on.
const (
	stageGate  = "gate"
	stageDrain = "drain"
)

// How long each stage may take. The sum is below the time after which a service manager gives up on a daemon.
const (
	gateLimit     = time.Second
	fastFailLimit = time.Second
	socketsLimit  = 2 * time.Second
	deleteLimit   = 5 * time.Second
	drainLimit    = 15 * time.Second
	tablesLimit   = 10 * time.Second
	asideLimit    = 5 * time.Second
	removeLimit   = 5 * time.Second
)

// MakePlan makes the plan of a leave. A disk in several groups is cut once.
func MakePlan(sets []view.FenceSet, seq view.Seq) Plan {
	var fast, gone, drain, tables, aside []Act
	var portals []netip.AddrPort
	var seen []view.FenceDisk
	for _, set := range sets {
		for _, d := range set.Disks {
			if slices.ContainsFunc(seen, func(s view.FenceDisk) bool { return s.Dev == d.Dev && s.Diskseq == d.Diskseq }) {
				continue
			}
			seen = append(seen, d)
			cut := d.Transport == view.TransportISCSI
			if cut {
				fast = append(fast, FailFast{d})
				gone = append(gone, Delete{d})
			}
			drain = append(drain, Drain{d, cut})
		}
		portals = append(portals, set.Portals()...)
		if len(set.Volumes) > 0 {
			tables = append(tables, ToError{set.Group, set.Volumes})
			aside = append(aside, SetAside{set.Group, set.Volumes, seq})
		}
	}
	p := Plan{Seq: seq}
	stage := func(name string, limit time.Duration, together bool, acts ...Act) {
		if len(acts) > 0 {
			p.Stages = append(p.Stages, Stage{name, limit, together, acts})
		}
	}
	stage(stageGate, gateLimit, false, ShutGate{})
	stage("fast-fail", fastFailLimit, true, fast...)
	if portals = (view.FenceSet{Disks: []view.FenceDisk{{Portals: portals}}}).Portals(); len(portals) > 0 {
		stage("sockets", socketsLimit, false, Sever{portals})
	}
	stage("delete", deleteLimit, true, gone...)
	stage(stageDrain, drainLimit, true, drain...)
	stage("tables", tablesLimit, false, tables...)
	stage("aside", asideLimit, false, aside...)
	stage("remove", removeLimit, false, RemoveLeft{})
	return p
}
