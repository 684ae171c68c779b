// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/plexus-cvm/plexus/configd/label"
)

// wipeBytes is how much of either end is cleared of somebody else's data, with force: partition tables and what most
// filesystems are known by lie there.
const wipeBytes = 1 << 20

// Init makes a disk one of ours, in no group, under a new label id. It refuses what cannot be used, what is in use, and,
// without force, what holds data of somebody else or a label already. With force the beginning and the end of the disk,
// where others leave their marks, are cleared first, so that nobody takes the disk for theirs later.
func (h Host) Init(d Disk, id string, force bool) error {
	geometry, err := h.usable(d)
	if err != nil {
		return wrap("initialise", d.Name, err)
	}
	found, err := h.Contents(d)
	switch {
	case force:
	case err != nil:
		return wrap("initialise", d.Name, err)
	case len(found) > 0:
		return wrap("initialise", d.Name, fmt.Errorf("%w: %s: with --force it is lost", found[0].kind(), describe(found)))
	}
	f, err := h.openExclusive(d)
	if err != nil {
		return err
	}
	defer f.Close()
	if force {
		if err := wipe(f); err != nil {
			return err
		}
	}
	for _, w := range label.Init(id, geometry) {
		if err := f.Write(w); err != nil {
			return err
		}
	}
	return h.readBack(f, id)
}

// usable checks what no force can change.
func (h Host) usable(d Disk) (label.Geometry, error) {
	switch {
	case d.ReadOnly:
		return label.Geometry{}, ErrReadOnly
	case len(d.Twins) > 0:
		return label.Geometry{}, fmt.Errorf("%w: %s and %s have wwid %s: these are paths to one disk, and only one may be left",
			ErrTwin, d.Name, strings.Join(d.Twins, ", "), d.WWID)
	case d.Block > label.BlockBytes:
		return label.Geometry{}, fmt.Errorf("its blocks of %d bytes are larger than %d", d.Block, label.BlockBytes)
	}
	u, err := h.Use(d)
	if err != nil {
		return label.Geometry{}, err
	}
	if len(u.Busy) > 0 {
		return label.Geometry{}, fmt.Errorf("%w: %s", ErrInUse, strings.Join(u.Busy, ", "))
	}
	return label.GeometryFor(d.Bytes)
}

// openExclusive opens the disk as the kernel opens it for a mount: it fails where anybody has it so, or a partition.
func (h Host) openExclusive(d Disk) (*Handle, error) {
	f, err := h.Open(d, ForExclusive)
	if err != nil {
		return nil, wrap("initialise", d.Name, errors.Unwrap(err))
	}
	return f, nil
}

// wipe clears both ends, and lets the kernel forget partitions that it knew.
func wipe(f *Handle) error {
	end := f.disk.Bytes / label.BlockBytes * label.BlockBytes
	for _, at := range []uint64{0, end - wipeBytes} {
		if err := f.Write(label.Write{Offset: at, Bytes: make([]byte, wipeBytes)}); err != nil {
			return err
		}
	}
	// A disk that cannot have partitions says no; then there is nothing to forget.
	_ = f.file.Reread()
	return nil
}

// readBack proves that what was written is there, before anybody builds on it.
func (h Host) readBack(f *Handle, id string) error {
	c, err := f.Label()
	if err == nil && (c.Header.Disk != id || c.Header.Group != "") {
		err = wrap("initialise", f.disk.Name, fmt.Errorf("the label reads back as %v", c.Header))
	}
	return err
}

// Content is something that is on a disk.
type Content struct {
	Words string
	Ours  bool // a label of this product
}

func (c Content) kind() error {
	if c.Ours {
		return ErrOurs
	}
	return ErrForeign
}

func describe(list []Content) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = c.Words
	}
	return strings.Join(words, ", ")
}

// Contents says what is on a disk: a label of ours, partitions, and what Probe finds. The list is empty for a free disk;
// the error is ErrUnknown if that cannot be told.
func (h Host) Contents(d Disk) ([]Content, error) {
	var list []Content
	f, err := h.Open(d, ForRead)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	c, err := f.Label()
	_ = f.Close()
	switch {
	case err == nil && c.Header.Group != "":
		list = append(list, Content{fmt.Sprintf("it belongs to disk group %s (id %s)", c.Header.Name, c.Header.Group), true})
	case err == nil:
		list = append(list, Content{fmt.Sprintf("it is initialised, with label id %s, and in no group", c.Header.Disk), true})
	case errors.Is(err, label.ErrNoLabel):
	case errors.Is(err, label.ErrChecksum), errors.Is(err, label.ErrFormat), errors.As(err, new(*label.FieldError)):
		list = append(list, Content{fmt.Sprintf("it has a label that is damaged or of another version (%v)", errors.Unwrap(err)), true})
	default:
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	found, err := h.Probe(d.Path)
	if err != nil {
		return nil, err
	}
	for _, s := range found {
		list = append(list, Content{s.String(), false})
	}
	u, err := h.Use(d)
	if err == nil && len(u.Partitions) > 0 {
		list = append(list, Content{"partitions " + strings.Join(u.Partitions, ", "), false})
	}
	return list, err
}
