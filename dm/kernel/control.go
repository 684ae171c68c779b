// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
)

const (
	controlPath = "/dev/mapper/" + unix.DM_CONTROL_NODE
	miscPath    = "/proc/misc"
	miscName    = "device-mapper"
	miscMajor   = 10 // of the drivers that have only a minor of their own
)

// ErrNoDriver is what [Open] returns where the kernel has no device-mapper.
var ErrNoDriver = errors.New("the kernel has no device-mapper: load it with `modprobe dm_mod`")

// Follower keeps user space in step with the devices. It must not fail while devices are suspended: what goes wrong it
// keeps for Settle.
type Follower interface {
	// Announce is called before an operation that udev will hear of; the number goes along with it, zero is none.
	Announce() uint32
	// Done is called after the operation; sent is false if udev will not hear of it after all.
	Done(event uint32, sent bool)
	// Node says that a device of this name can be used, NoNode that none has it any more.
	Node(name string, dev dm.DevNum)
	NoNode(name string)
	// Settle waits until all that was announced has been followed, for a bounded time, and says what went wrong.
	Settle(ctx context.Context) error
}

// Control is the open driver. Safe for concurrent use if its Follower is.
type Control struct {
	fd       *os.File
	follower Follower
	// SuspendLimit bounds every suspend, beside its context.
	SuspendLimit time.Duration
}

var _ dm.Kernel = (*Control)(nil)

// suspendLimit is long enough for a disk that is slow and short enough for a daemon that must decide.
const suspendLimit = 30 * time.Second

// Open opens the driver. The follower may be nil: then nobody makes nodes or waits for udev.
func Open(f Follower) (*Control, error) {
	file, err := openControl()
	if err != nil {
		return nil, err
	}
	if f == nil {
		f = alone{}
	}
	c := &Control{fd: file, follower: f, SuspendLimit: suspendLimit}
	v, err := c.Version()
	if err == nil && v.Major != unix.DM_VERSION_MAJOR {
		err = fmt.Errorf("device-mapper interface %s: this program speaks version %d", v, unix.DM_VERSION_MAJOR)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the driver. Devices stay as they are.
func (c *Control) Close() error { return c.fd.Close() }

// openControl opens the control node, making it first if the kernel has the driver and /dev lacks the node.
func openControl() (*os.File, error) {
	file, err := os.OpenFile(controlPath, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeControl(); err == nil {
			file, err = os.OpenFile(controlPath, os.O_RDWR, 0)
		}
	}
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("open %s: %w", controlPath, ErrNoDriver)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: device-mapper needs root", err)
	}
	return nil, err
}

func makeControl() error {
	misc, err := os.ReadFile(miscPath)
	if err != nil {
		return fmt.Errorf("find the device-mapper driver: %w", err)
	}
	minor, ok := parseMisc(string(misc))
	if !ok {
		return fmt.Errorf("open %s: %w", controlPath, ErrNoDriver)
	}
	if err := os.MkdirAll(filepath.Dir(controlPath), 0o755); err != nil {
		return err
	}
	err = unix.Mknod(controlPath, unix.S_IFCHR|0o600, int(unix.Mkdev(miscMajor, minor)))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "mknod", Path: controlPath, Err: err}
	}
	return nil
}

// parseMisc finds the driver's minor in the text of /proc/misc, lines of MINOR NAME.
func parseMisc(text string) (minor uint32, ok bool) {
	for scan := bufio.NewScanner(strings.NewReader(text)); scan.Scan(); {
		words := strings.Fields(scan.Text())
		if len(words) != 2 || words[1] != miscName {
			continue
		}
		n, err := strconv.ParseUint(words[0], 10, 20)
		return uint32(n), err == nil
	}
	return 0, false
}

// alone is the follower that does nothing.
type alone struct{}

func (alone) Announce() uint32             { return 0 }
func (alone) Done(uint32, bool)            {}
func (alone) Node(string, dm.DevNum)       {}
func (alone) NoNode(string)                {}
func (alone) Settle(context.Context) error { return nil }
