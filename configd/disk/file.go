// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/configd/label"
)

// Mode says what a device is opened for.
type Mode int

const (
	ForRead      Mode = iota // labels are read
	ForWrite                 // and written, while dm may hold the disk
	ForExclusive             // nobody else may hold the disk: it is about to become another one
)

// File is an open device. Offsets and lengths are multiples of label.BlockBytes; a write is on the medium only after Sync.
type File interface {
	ReadAt(p []byte, offset int64) (int, error)
	WriteAt(p []byte, offset int64) (int, error)
	Sync() error
	// Number is the device number of what was opened, zero for what is no device.
	Number() (major, minor uint32)
	// Reread makes the kernel look for partitions again.
	Reread() error
	Close() error
}

// chunkBytes is how much is read or written at once.
const chunkBytes = 1 << 20

// direct is a block device opened with O_DIRECT. Its buffer is mapped when it is opened, so that no memory is asked for
// while a write is under way.
type direct struct {
	f      *os.File
	buffer []byte // page aligned, as O_DIRECT wants it
}

// OpenDirect opens a block device past the page cache.
func OpenDirect(path string, mode Mode) (File, error) {
	flags := unix.O_DIRECT | unix.O_CLOEXEC
	switch mode {
	case ForRead:
		flags |= os.O_RDONLY
	case ForWrite:
		flags |= os.O_RDWR
	case ForExclusive:
		flags |= os.O_RDWR | unix.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, err
	}
	buffer, err := unix.Mmap(-1, 0, chunkBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("map a buffer: %w", err)
	}
	return &direct{f, buffer}, nil
}

func checkAligned(n int, offset int64) {
	if n%label.BlockBytes != 0 || offset%label.BlockBytes != 0 {
		panic(fmt.Sprintf("BUG: %d bytes at %d of a disk are not aligned", n, offset))
	}
}

func (d *direct) ReadAt(p []byte, offset int64) (int, error) {
	checkAligned(len(p), offset)
	done := 0
	for done < len(p) {
		part := d.buffer[:min(chunkBytes, len(p)-done)]
		n, err := d.f.ReadAt(part, offset+int64(done))
		done += copy(p[done:], part[:n])
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (d *direct) WriteAt(p []byte, offset int64) (int, error) {
	checkAligned(len(p), offset)
	done := 0
	for done < len(p) {
		n, err := d.f.WriteAt(d.buffer[:copy(d.buffer, p[done:])], offset+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// Sync flushes what the disk itself may still hold in its cache.
func (d *direct) Sync() error { return unix.Fdatasync(int(d.f.Fd())) }

func (d *direct) Number() (major, minor uint32) {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.f.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return 0, 0
	}
	return unix.Major(st.Rdev), unix.Minor(st.Rdev)
}

func (d *direct) Reread() error { return unix.IoctlSetInt(int(d.f.Fd()), unix.BLKRRPART, 0) }

func (d *direct) Close() error {
	_ = unix.Munmap(d.buffer) // only fails for a range that was never mapped
	return d.f.Close()
}
