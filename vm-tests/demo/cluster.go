// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/api"
	vmtests "github.com/plexus-cvm/plexus/vm-tests"
)

// found makes a cluster of the three nodes.
func (d *demo) found(ctx context.Context) error {
	for n := 1; n <= 3; n++ {
		if err := d.start(ctx, n); err != nil {
			return err
		}
	}
	if err := d.plexus(ctx, 1, nil, "cluster", "init"); err != nil {
		return err
	}
	var token api.TokenReply
	if err := d.plexus(ctx, 1, &token, "cluster", "token", "--uses", "2"); err != nil {
		return err
	}
	for n := 2; n <= 3; n++ {
		if err := d.plexus(ctx, n, nil, "cluster", "join", token.Token); err != nil {
			return err
		}
		d.say("node%d has joined", n)
	}
	if _, err := d.agree(ctx, 1, 2, 3); err != nil {
		return err
	}
	roles := map[string]int{}
	for n := 1; n <= 3; n++ {
		s, err := d.status(ctx, n)
		if err != nil {
			return err
		}
		roles[s.Role]++
		d.say("node%d: %v, %s; %v; lease left %v", n, s.Condition, s.Role, s.View, s.LeaseLeft)
	}
	if roles["master"] != 1 || roles["slave"] != 2 {
		return fmt.Errorf("roles are %v, want one master and two slaves", roles)
	}
	return nil
}

// share initialises the disks and makes a group of them.
func (d *demo) share(ctx context.Context) error {
	disks := d.lab.Target.Disks()
	foreign := disks[2].Device()
	if _, err := d.lab.Node(1).Run(ctx, "mkfs.ext4", "-q", foreign); err != nil {
		return err
	}
	err := d.plexus(ctx, 1, nil, "disk", "init", foreign)
	var exit *vmtests.ExitError
	if !errors.As(err, &exit) || exit.Code() != 5 {
		return fmt.Errorf("a disk with a filesystem on it was not refused: %v", err)
	}
	d.say("refused, exit code 5: %s", strings.TrimSpace(exit.Stderr))
	args := []string{"dg", "create", group, "--shared"}
	for i, disk := range disks {
		init := []string{"disk", "init", disk.Device()}
		if i == 2 {
			init = append(init, "--force")
		}
		if err := d.plexus(ctx, 1, nil, init...); err != nil {
			return err
		}
		args = append(args, disk.Device())
	}
	if err := d.plexus(ctx, 1, nil, args...); err != nil {
		return err
	}
	hash, err := d.sameHash(ctx, 1, 2, 3)
	if err != nil {
		return err
	}
	d.say("group %s on all three: %s", group, hash)
	return nil
}

// volumes creates a linear and a striped volume, and has dmsetup judge the tables.
func (d *demo) volumes(ctx context.Context) error {
	if err := d.plexus(ctx, 1, nil, "volume", "create", volume(linear), "64m"); err != nil {
		return err
	}
	if err := d.plexus(ctx, 3, nil, "volume", "create", volume(striped), "48m", "--layout", "stripe"); err != nil {
		return err
	}
	d.say("node3, a slave, asked for the second one")
	if _, err := d.sameHash(ctx, 1, 2, 3); err != nil {
		return err
	}
	return d.sameTables(ctx, 1, 2, 3)
}

// sameTables compares what dmsetup prints on each node, with the number of each disk replaced by its serial: the kernels
// number their disks as they find them.
func (d *demo) sameTables(ctx context.Context, nodes ...int) error {
	var first string
	for i, n := range nodes {
		text, err := d.tables(ctx, n)
		if err != nil {
			return err
		}
		switch {
		case i == 0:
			first = text
			for line := range strings.Lines(text) {
				d.say("dmsetup table: %s", strings.TrimSpace(line))
			}
		case text != first:
			return fmt.Errorf("the tables differ:\nnode%d:\n%snode%d:\n%s", nodes[0], first, n, text)
		}
	}
	d.say("the same on nodes %v", nodes)
	return nil
}

func (d *demo) tables(ctx context.Context, node int) (string, error) {
	return d.lab.Node(node).Shell(ctx, `
for name in $(dmsetup info -c --noheadings -o name -S 'uuid=~^PLEXUS-' | sort); do echo "$name: $(dmsetup table "$name" | tr '\n' ';')"; done |
sed "$(for disk in /sys/block/sd*; do echo "s/ $(cat $disk/dev) / $(tail -c +5 $disk/device/vpd_pg80 | tr -d '\0 ') /g;"; done)"`)
}

// place returns on which disk a linear volume begins, and where, in bytes, from what dmsetup prints.
func (d *demo) place(ctx context.Context, node int, name string) (*vmtests.TargetDisk, int64, error) {
	text, err := d.tables(ctx, node)
	if err != nil {
		return nil, 0, err
	}
	for line := range strings.Lines(text) {
		f := strings.Fields(line) // data-lin: 0 131072 linear SERIAL OFFSET...
		if len(f) < 6 || f[0] != group+"-"+name+":" || f[3] != "linear" {
			continue
		}
		first, _, _ := strings.Cut(f[5], ";")
		sector, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return nil, 0, err
		}
		for _, disk := range d.lab.Target.Disks() {
			if strings.TrimSpace(disk.Serial) == f[4] {
				return disk, sector * 512, nil
			}
		}
	}
	return nil, 0, fmt.Errorf("where does volume %s begin? node%d says:\n%s", name, node, text)
}
