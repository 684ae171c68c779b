// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"encoding/json"
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/store"
)

// Disk is what the machine remembers, out of what the log file holds.
func Disk(c store.Contents) (member.Disk, error) {
	d := member.Disk{Hard: c.Hard, Snap: c.Snap, Entries: c.Entries}
	if c.Meta != nil {
		if err := json.Unmarshal(c.Meta, &d.Meta); err != nil {
			return member.Disk{}, fmt.Errorf("read the membership log: %w", err)
		}
	}
	return d, nil
}

// Batch is what the log file saves of one Persist.
func Batch(p member.Persist) store.Batch {
	b := store.Batch{Reset: p.Reset, Hard: p.Hard, Snap: p.Snap, Entries: p.Entries}
	if p.Meta != nil {
		text, err := json.Marshal(p.Meta)
		if err != nil {
			panic("BUG: marshal meta: " + err.Error())
		}
		b.Meta = text
	}
	return b
}
