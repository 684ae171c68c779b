// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// Edit returns the group as it is after the change, one version higher. CreateGroup wants the zero Group, every other
// change an existing one. g is left as it was. The error says what was asked, what stood in the way and what to do.
func Edit(g Group, c Change) (Group, error) {
	_, creates := c.(CreateGroup)
	switch {
	case creates && g.Version != 0:
		return Group{}, fmt.Errorf("%s: group %s exists already: choose another name", c.object(), g.Name)
	case !creates && g.Version == 0:
		return Group{}, fmt.Errorf("%s: there is no such group", c.object())
	case g.Removed:
		return Group{}, fmt.Errorf("%s: group %s has been removed", c.object(), g.Name)
	}
	next := g
	next.Disks, next.Volumes = slices.Clone(g.Disks), slices.Clone(g.Volumes)
	if err := c.apply(&next); err != nil {
		return Group{}, fmt.Errorf("%s: %w", c.object(), err)
	}
	next.Version++
	if err := Validate(next); err != nil {
		return Group{}, fmt.Errorf("%s: %w", c.object(), err)
	}
	return next, nil
}

func (c CreateGroup) apply(g *Group) error {
	*g = Group{Name: c.Name, ID: c.ID, Shared: c.Shared, Cluster: c.Cluster, Volumes: []Volume{}}
	if err := CheckName(c.Name); err != nil {
		return err
	}
	return g.addDisks(c.Disks)
}

func (c AddDisks) apply(g *Group) error {
	if len(c.Disks) == 0 {
		return fmt.Errorf("no disk is named")
	}
	return g.addDisks(c.Disks)
}

func (g *Group) addDisks(disks []Disk) error {
	if n := len(g.Disks) + len(disks); n > disksMax {
		return fmt.Errorf("group %s would have %d disks, the limit is %d", g.Name, n, disksMax)
	}
	// Names that were chosen come first, so that none of them is given to a disk without one.
	for _, named := range []bool{true, false} {
		for _, d := range disks {
			if (d.Name != "") != named {
				continue
			}
			if err := g.addDisk(d); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *Group) addDisk(d Disk) error {
	if d.Name == "" {
		d.Name = g.nextDiskName()
	}
	if other, ok := g.DiskByID(d.ID); ok {
		return fmt.Errorf("the disk with label id %s is in group %s already, as %s", d.ID, g.Name, other.Name)
	}
	if d.Copy != 0 {
		return fmt.Errorf("disk %s names its copy number %d: leave that to the group", d.Name, d.Copy)
	}
	d.Copy = g.nextCopy()
	i, taken := slices.BinarySearchFunc(g.Disks, d.Name, diskByName)
	if taken {
		return fmt.Errorf("disk name %s is taken in group %s: choose another", d.Name, g.Name)
	}
	g.Disks = slices.Insert(g.Disks, i, d)
	return nil
}

// nextCopy returns the lowest copy number that no disk has, or zero if there are enough copies.
func (g *Group) nextCopy() int {
	for n := 1; n <= CopiesMax; n++ {
		if !slices.ContainsFunc(g.Disks, func(d Disk) bool { return d.Copy == n }) {
			return n
		}
	}
	return 0
}

// nextDiskName returns the first free name of the form GROUP01.
func (g *Group) nextDiskName() string {
	const longest = "256" // disksMax names are taken at most
	stem := g.Name[:min(len(g.Name), nameBytesMax-len(longest))]
	return nextName(stem, func(name string) bool { _, taken := g.Disk(name); return taken })
}

// nextName returns stem with the first number behind it, at least two digits, that is not taken.
func nextName(stem string, taken func(string) bool) string {
	for i := 1; ; i++ {
		if name := fmt.Sprintf("%s%02d", stem, i); !taken(name) {
			return name
		}
	}
}

func (c RemoveGroup) apply(g *Group) error {
	if n := len(g.Volumes); n > 0 {
		names := make([]string, 0, namesShown)
		for _, v := range g.Volumes[:min(n, namesShown)] {
			names = append(names, v.Name)
		}
		return fmt.Errorf("group %s still has volumes (%s%s): remove them first",
			g.Name, strings.Join(names, ", "), more(n))
	}
	g.Removed = true
	return nil
}

// namesShown is how many names an error lists.
const namesShown = 8

func more(n int) string {
	if n > namesShown {
		return fmt.Sprintf(" and %d more", n-namesShown)
	}
	return ""
}

func (c RemoveVolume) apply(g *Group) error {
	i, err := g.find(c.Volume)
	if err != nil {
		return err
	}
	g.Volumes = slices.Delete(g.Volumes, i, i+1)
	return nil
}

func (g *Group) find(volume string) (int, error) {
	i, ok := slices.BinarySearchFunc(g.Volumes, volume, volumeByName)
	if !ok {
		return 0, fmt.Errorf("group %s has no volume of that name", g.Name)
	}
	return i, nil
}
