// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/sockdiag"
	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
)

// linux is the Env of a real node.
type linux struct {
	Gate
	dm  dm.Kernel
	sys string // where sysfs is
}

// Linux returns the Env of this node.
func Linux(gate Gate, k dm.Kernel) Env { return linux{gate, k, "/sys"} }

func (l linux) Kernel() dm.Kernel { return l.dm }

func (l linux) block(d view.FenceDisk, file string) string {
	return filepath.Join(l.sys, "block", d.Dev, file)
}

// Here compares number and diskseq: a kernel name that came back is another disk. Kernels before 5.15 have no diskseq.
func (l linux) Here(d view.FenceDisk) (bool, error) {
	if err := checkDev(d.Dev); err != nil {
		return false, err
	}
	number, err := read(l.block(d, "dev"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if number != fmt.Sprintf("%d:%d", d.Major, d.Minor) {
		return false, nil
	}
	seq, err := read(l.block(d, "diskseq"))
	if errors.Is(err, fs.ErrNotExist) || d.Diskseq == 0 {
		return true, nil
	}
	return seq == strconv.FormatUint(d.Diskseq, 10), err
}

// checkDev refuses what is no name of a whole disk: it becomes part of a path.
func checkDev(dev string) error {
	if dev == "" || strings.HasPrefix(dev, ".") || strings.ContainsAny(dev, "/\x00") {
		return fmt.Errorf("%q is no kernel name of a disk", dev)
	}
	return nil
}

// session returns the iSCSI session of a disk, such as session1: part of the path of its SCSI device.
func (l linux) session(d view.FenceDisk) (string, error) {
	device, err := filepath.EvalSymlinks(l.block(d, "device"))
	if err != nil {
		return "", err
	}
	for part := range strings.SplitSeq(device, "/") {
		if digits, ok := strings.CutPrefix(part, "session"); ok && digits != "" && strings.Trim(digits, "0123456789") == "" {
			return part, nil
		}
	}
	return "", fmt.Errorf("%s has no iSCSI session (%s)", d.Dev, device)
}

func (l linux) FailFast(_ context.Context, d view.FenceDisk) (string, error) {
	session, err := l.session(d)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(l.sys, "class/iscsi_session", session)
	state, err := read(filepath.Join(dir, "state"))
	if err != nil {
		return "", err
	}
	if state != "LOGGED_IN" {
		return fmt.Sprintf("%s is %s: too late, the delete must do", session, state), nil
	}
	knob := filepath.Join(dir, "recovery_tmo")
	before, err := read(knob)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s recovery_tmo %s -> 0", session, before), write(knob, "0")
}

func (l linux) Delete(_ context.Context, d view.FenceDisk) error {
	err := write(l.block(d, "device/delete"), "1")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (l linux) InFlight(d view.FenceDisk) (int, error) {
	text, err := read(l.block(d, "inflight"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // gone this moment
	}
	if err != nil {
		return 0, err
	}
	return parseInFlight(text)
}

// parseInFlight reads /sys/block/X/inflight: reads and writes, two numbers.
func parseInFlight(text string) (int, error) {
	fields := strings.Fields(text)
	if len(fields) != 2 {
		return 0, fmt.Errorf("read inflight: %q is not two numbers", text)
	}
	sum := 0
	for _, f := range fields {
		n, err := strconv.ParseUint(f, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("read inflight: %w", err)
		}
		sum += int(n)
	}
	return sum, nil
}

// Sever destroys the sockets and looks again: an established one that is left is an error. A daemon may be trying to
// connect anew; the gate has its packets.
func (l linux) Sever(ctx context.Context, portals []netip.AddrPort) (int, error) {
	c, err := sockdiag.Dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	sockets, err := c.List(ctx, portals)
	destroyed := 0
	var errs []error
	for _, s := range sockets {
		if err := c.Destroy(ctx, s); err != nil {
			errs = append(errs, err)
			continue
		}
		destroyed++
	}
	if err = errors.Join(append(errs, err)...); err != nil {
		return destroyed, err
	}
	left, err := c.List(ctx, portals)
	for _, s := range left {
		if s.State == sockdiag.Established {
			errs = append(errs, fmt.Errorf("a socket is there again: %v", s))
		}
	}
	return destroyed, errors.Join(append(errs, err)...)
}

func read(path string) (string, error) {
	b, err := os.ReadFile(path)
	return strings.TrimSpace(string(b)), err
}

// write writes to a file of sysfs; it never makes one.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
