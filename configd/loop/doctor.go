// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/configd/config"
)

// Doctor implements api.Verbs: it tries the gate out on this node and says what that means for each shared group.
func (l *Loop) Doctor(ctx context.Context) (api.Doctor, error) {
	groups, err := l.known(ctx)
	if err != nil {
		return api.Doctor{}, err
	}
	var out api.Doctor
	for _, f := range bpf.Probe() {
		out.Checks = append(out.Checks, check("kernel has "+f.Name, f))
	}
	g, err := l.openGate()
	if err != nil {
		out.Checks = append(out.Checks, api.Check{Name: "gate is loaded", Answer: api.No, Detail: err.Error(), Hint: "systemctl start plexus-clusterd"})
	} else {
		for _, f := range l.proven.test(g) {
			out.Checks = append(out.Checks, check("hook "+f.Name+" refuses", f))
		}
	}
	for _, s := range groups {
		if s.Shared && s.Config != nil {
			out.Groups = append(out.Groups, l.guarantee(s.Name, idsOf(s.Config.Disks)))
		}
	}
	return out, nil
}

func check(name string, f bpf.Finding) api.Check {
	return api.Check{Name: name, Answer: api.Answer(f.Answer), Detail: f.Detail}
}

func (l *Loop) guarantee(name string, disks []string) api.Guarantee {
	var fence []view.FenceDisk
	var in []string
	for _, id := range disks {
		if d, ok := l.seen.disk(id); ok {
			fence, in = append(fence, d.Fence(id)), append(in, d.Name)
		}
	}
	g := api.Guarantee{Group: name, Level: l.proven.level(fence), Wanted: l.cfg.Settings.FenceLevel}
	portals := view.FenceSet{Disks: fence}.Portals()
	if g.Level == view.FenceWire {
		g.Why = fmt.Sprintf("no packet leaves for %v once the lease is over", portals)
		g.InDoubt = "a node that is frozen sends what it had handed to its network device; one that is paused with its clock goes on for the rest of its lease"
		if g.Wanted == "" {
			g.Wanted = view.FenceWire
		}
	} else {
		g.Why = "not every disk is behind a portal that is known, or the hook on packets was not seen to refuse"
		g.InDoubt = "I/O that a disk's driver has is not recalled"
	}
	all, _ := l.cfg.Host.List()
	for _, d := range all {
		behind := slices.ContainsFunc(d.Portals, func(p netip.AddrPort) bool { return slices.Contains(portals, p) })
		if behind && !slices.Contains(in, d.Name) {
			g.CutToo = append(g.CutToo, d.Path)
		}
	}
	return g
}

func idsOf(disks []config.Disk) []string {
	ids := make([]string, len(disks))
	for i, d := range disks {
		ids[i] = d.ID
	}
	return ids
}
