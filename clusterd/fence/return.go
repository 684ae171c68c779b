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
	tick := time.NewTicker(returnEvery)
	defer tick.Stop()
	for {
		state, err := read(filepath.Join(dir, "state"))
		if err != nil {
			return err
		}
		if state == "LOGGED_IN" {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it is %s: is the target up, and iscsid running?", state)
		}
	}
	path, err := filepath.EvalSymlinks(filepath.Join(dir, "device"))
	if err != nil {
		return err
	}
	host := ""
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "host") {
			host = part
		}
	}
	if host == "" {
		return fmt.Errorf("its SCSI host is not in %s", path)
	}
	if err := write(filepath.Join(sys, "class/scsi_host", host, "scan"), "- - -"); err != nil {
		return err
	}
	return write(filepath.Join(dir, "recovery_tmo"), recoveryTmo)
}
