// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"fmt"
	"strings"

	"github.com/plexus-cvm/plexus/configd/label"
)

// Found is a disk with its label.
type Found struct {
	Disk  Disk
	Label label.Copy // if Err is nil
	Err   error      // label.ErrNoLabel: not one of ours
}

// Scan reads the label of every disk. Where one disk appears under several names none of them has a label: Err is
// ErrTwin and names them.
func (h Host) Scan() ([]Found, error) {
	disks, err := h.List()
	if err != nil {
		return nil, err
	}
	list := make([]Found, len(disks))
	names := map[string][]string{} // label id -> names
	for i, d := range disks {
		list[i] = h.read(d)
		if list[i].Err == nil {
			id := list[i].Label.Header.Disk
			names[id] = append(names[id], d.Name)
		}
	}
	for i, f := range list {
		if twins := names[f.Label.Header.Disk]; f.Err == nil && len(twins) > 1 {
			list[i] = Found{Disk: f.Disk, Err: &Error{"read label of", f.Disk.Name,
				fmt.Errorf("%w: %s hold the label %s: they are paths to one disk or one is a clone, and only one may be left",
					ErrTwin, strings.Join(twins, " and "), f.Label.Header.Disk)}}
		}
	}
	return list, nil
}

// read reads one label.
func (h Host) read(d Disk) Found {
	f, err := h.Open(d, ForRead)
	if err != nil {
		return Found{Disk: d, Err: err}
	}
	defer f.Close()
	c, err := f.Label()
	return Found{d, c, err}
}
