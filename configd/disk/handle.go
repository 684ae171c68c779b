// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"fmt"

	"github.com/plexus-cvm/plexus/configd/label"
)

// Handle is an open disk, known to be the one that was asked for.
type Handle struct {
	disk Disk
	file File
}

// Open opens a disk. While the handle is open the kernel does not give its number to another disk, so what was compared
// once stays true.
func (h Host) Open(d Disk, mode Mode) (*Handle, error) {
	if mode != ForRead && d.ReadOnly {
		return nil, &Error{"open", d.Name, ErrReadOnly}
	}
	f, err := h.OpenFile(d.Path, mode)
	if err != nil {
		return nil, wrap("open", d.Name, err)
	}
	major, minor := f.Number()
	now := h.sys("block", d.Name).number("diskseq")
	if major != d.Major || minor != d.Minor || now != d.Diskseq {
		_ = f.Close()
		return nil, &Error{"open", d.Name, fmt.Errorf("%w: under its name is another one now (%d:%d diskseq %d, was %d:%d diskseq %d): repeat the command",
			ErrGone, major, minor, now, d.Major, d.Minor, d.Diskseq)}
	}
	return &Handle{d, f}, nil
}

// Label reads the label.
func (h *Handle) Label() (label.Copy, error) {
	c, err := label.Read(func(offset uint64, n int) ([]byte, error) {
		if end := offset + uint64(n); end > h.disk.Bytes {
			return nil, fmt.Errorf("byte %d is behind the end of the disk, %d", end, h.disk.Bytes)
		}
		b := make([]byte, n)
		_, err := h.file.ReadAt(b, int64(offset))
		return b, err
	})
	return c, wrap("read label of", h.disk.Name, err)
}

// Write carries out one write and flushes it.
func (h *Handle) Write(w label.Write) error {
	if end := w.Offset + uint64(len(w.Bytes)); end > h.disk.Bytes {
		return wrap("write label of", h.disk.Name, fmt.Errorf("byte %d is behind the end of the disk, %d", end, h.disk.Bytes))
	}
	if _, err := h.file.WriteAt(w.Bytes, int64(w.Offset)); err != nil {
		return wrap("write label of", h.disk.Name, err)
	}
	return wrap("flush label of", h.disk.Name, h.file.Sync())
}

// Close closes the disk.
func (h *Handle) Close() error { return h.file.Close() }
