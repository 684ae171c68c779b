// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	returnEvery = 200 * time.Millisecond
	probeLimit  = 5 * time.Second // for a scan and the probes behind it; then what they left half done is done anew
	// recoveryTmo is what open-iscsi gives a session where its settings say nothing: node.session.timeo.replacement_timeout.
	recoveryTmo = "120"
)

// Return undoes a leave on the transports, for a node that is let in again: it waits until the iSCSI sessions that a leave
// has cut are logged in anew, which the initiator's daemon does by itself once packets pass, gives them the time back that
// fast-fail took, and looks for their disks. The disks come back as new devices.
func Return(ctx context.Context) error { return comeBack(ctx, "/sys") }

func comeBack(ctx context.Context, sys string) error {
	cut, err := cutSessions(sys)
	if err != nil {
		return fmt.Errorf("find the cut iSCSI sessions: %w", err)
	}
	var errs []error
	for _, session := range cut {
		if err := revive(ctx, sys, session); err != nil {
			errs = append(errs, fmt.Errorf("bring iSCSI %s back: %w", session, err))
		}
	}
	return errors.Join(errs...)
}

// cutSessions returns the sessions that bear the mark of a leave: no time for recovery.
func cutSessions(sys string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(sys, "class/iscsi_session"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var cut []string
	for _, e := range entries {
		tmo, err := read(filepath.Join(sys, "class/iscsi_session", e.Name(), "recovery_tmo"))
		if err == nil && tmo == "0" {
			cut = append(cut, e.Name())
		}
	}
	slices.Sort(cut)
	return cut, err
}

func revive(ctx context.Context, sys, session string) error {
	dir := filepath.Join(sys, "class/iscsi_session", session)
	state := ""
	loggedIn := func() (bool, error) {
		var err error
		state, err = read(filepath.Join(dir, "state"))
		return state == "LOGGED_IN", err
	}
	if err := poll(ctx, loggedIn); err != nil {
		return fmt.Errorf("it is %s (is the target up, and iscsid running?): %w", state, err)
	}
	device, err := filepath.EvalSymlinks(filepath.Join(dir, "device"))
	if err != nil {
		return err
	}
	host := ""
	for part := range strings.SplitSeq(device, "/") {
		if strings.HasPrefix(part, "host") {
			host = part
		}
	}
	if host == "" {
		return fmt.Errorf("its SCSI host is not in %s", device)
	}
	for {
		if err := write(filepath.Join(sys, "class/scsi_host", host, "scan"), "- - -"); err != nil {
			return err
		}
		soon, cancel := context.WithTimeout(ctx, probeLimit)
		err := poll(soon, func() (bool, error) { return disksUp(device) })
		cancel()
		if err == nil {
			return write(filepath.Join(dir, "recovery_tmo"), recoveryTmo)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("its disks have no block devices yet: %w", err)
		}
		dropHalf(device)
	}
}

// dropHalf deletes the disks of a session that have no block device. A probe that ran into a shut gate leaves them so, and
// a scan passes over what is there.
func dropHalf(session string) {
	types, _ := filepath.Glob(filepath.Join(session, "target*", "*", "type"))
	for _, t := range types {
		if kind, err := read(t); err == nil && kind == "0" && !hasBlock(filepath.Dir(t)) {
			_ = write(filepath.Join(filepath.Dir(t), "delete"), "1") // one that stays is waited for again
		}
	}
}

// hasBlock reports whether a SCSI disk has a block device with a size.
func hasBlock(disk string) bool {
	sizes, _ := filepath.Glob(filepath.Join(disk, "block", "*", "size"))
	if len(sizes) == 0 {
		return false
	}
	size, err := read(sizes[0])
	return err == nil && size != "0"
}

// disksUp reports whether the session has disks and all of them have their block device: the kernel gives them that some
// time after the scan.
func disksUp(session string) (bool, error) {
	types, err := filepath.Glob(filepath.Join(session, "target*", "*", "type"))
	disks := 0
	for _, t := range types {
		if kind, err := read(t); err != nil || kind != "0" {
			continue // gone this moment, or no disk
		}
		if disks++; !hasBlock(filepath.Dir(t)) {
			return false, nil
		}
	}
	return disks > 0, err
}

// poll asks again and again until it is so.
func poll(ctx context.Context, is func() (bool, error)) error {
	tick := time.NewTicker(returnEvery)
	defer tick.Stop()
	for {
		if yes, err := is(); yes || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
