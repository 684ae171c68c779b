// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
)

const (
	uuidPrefix   = "PLEXUS-"
	nameBytesMax = 127
	// suspendLimit is what one volume may take of its stage's time; without flush there is nothing long to wait for.
	suspendLimit = 2 * time.Second
)

// leftName matches the names of volumes that were set aside. No volume in use has such a name: a hyphen inside a group's
// or a volume's name is doubled in the name of its device.
var leftName = regexp.MustCompile(`[^-]-left-[0-9]+$`)

// find returns the devices with those uuids. Names change in the course of a leave, uuids do not.
func find(k dm.Kernel, uuids map[string]bool) ([]dm.Info, error) {
	entries, err := k.List()
	if err != nil {
		return nil, err
	}
	var found []dm.Info
	for _, e := range entries {
		info, err := k.Info(e.Name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if uuids[info.UUID] {
			found = append(found, info)
		}
	}
	return found, nil
}

func uuidsOf(volumes []view.FenceVolume) map[string]bool {
	uuids := map[string]bool{}
	for _, v := range volumes {
		if strings.HasPrefix(v.UUID, uuidPrefix) { // never a stranger's device, whatever a set says
			uuids[v.UUID] = true
		}
	}
	return uuids
}

// fromBelow sorts devices so that each stands behind all those that it uses. Without an answer about what a device uses,
// it keeps its place.
func fromBelow(k dm.Kernel, devices []dm.Info) []dm.Info {
	byNumber := map[dm.DevNum]dm.Info{}
	for _, d := range devices {
		byNumber[d.Dev] = d
	}
	var sorted []dm.Info
	visited := map[dm.DevNum]bool{}
	var visit func(dm.Info)
	visit = func(d dm.Info) {
		if visited[d.Dev] {
			return
		}
		visited[d.Dev] = true
		below, _ := k.Deps(d.Name)
		for _, n := range below {
			if b, ours := byNumber[n]; ours {
				visit(b)
			}
		}
		sorted = append(sorted, d)
	}
	for _, d := range devices {
		visit(d)
	}
	return sorted
}

func (a ToError) do(ctx context.Context, env Env) (string, error) {
	k := env.Kernel()
	devices, err := find(k, uuidsOf(a.Volumes))
	if err != nil {
		return "", err
	}
	var errs []error
	done := 0
	for _, d := range fromBelow(k, devices) {
		if err := toError(ctx, k, d); err != nil {
			errs = append(errs, fmt.Errorf("volume %s: %w", d.Name, err))
			continue
		}
		done++
	}
	return fmt.Sprintf("%d of %d volumes answer with errors", done, len(devices)), errors.Join(errs...)
}

// toError makes a device answer every request with an error, those that it holds included. Who suspended it does not
// matter any more.
func toError(ctx context.Context, k dm.Kernel, d dm.Info) error {
	live, err := k.Table(d.Name, dm.SlotLive)
	if err != nil {
		return err
	}
	if len(live) == 0 {
		return k.Clear(d.Name) // it never had a table: nothing goes through, and nothing must later
	}
	if !isError(live) {
		table := dm.Table{{Length: live.Length(), Target: dm.Error{}}}
		if err := k.Load(d.Name, table, false); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, suspendLimit)
		defer cancel()
		if err := k.Suspend(ctx, d.Name, false); err != nil {
			return err
		}
	} else if err := k.Clear(d.Name); err != nil {
		return err
	}
	return k.Resume(d.Name)
}

func isError(t dm.Table) bool {
	return !slices.ContainsFunc(t, func(s dm.Segment) bool {
		_, is := s.Target.(dm.Error)
		return !is
	})
}

func (a SetAside) do(_ context.Context, env Env) (string, error) {
	k := env.Kernel()
	devices, err := find(k, uuidsOf(a.Volumes))
	if err != nil {
		return "", err
	}
	var errs []error
	done := 0
	for _, d := range devices {
		if !leftName.MatchString(d.Name) {
			if err := k.Rename(d.Name, asideName(d, a.Seq)); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		done++
	}
	return fmt.Sprintf("%d of %d volumes", done, len(devices)), errors.Join(errs...)
}

// asideName is the name of a device that was left. One that would be too long is cut, and the minor number keeps it apart.
func asideName(d dm.Info, seq view.Seq) string {
	suffix := fmt.Sprintf("-left-%d", seq)
	if len(d.Name)+len(suffix) <= nameBytesMax {
		return d.Name + suffix
	}
	suffix = fmt.Sprintf("..%d%s", d.Dev.Minor, suffix)
	return d.Name[:nameBytesMax-len(suffix)] + suffix
}

func (RemoveLeft) do(_ context.Context, env Env) (string, error) {
	left, err := Sweep(env.Kernel())
	words := []string{"nothing is left"}
	if len(left) > 0 {
		words = []string{"open, to be removed at the last close:"}
	}
	for _, d := range left {
		words = append(words, d.Name)
	}
	return strings.Join(words, " "), err
}

// Sweep removes volumes that were set aside and that nobody has open any more, and returns those that are still open. Call
// it after a leave, and from time to time while it returns any.
func Sweep(k dm.Kernel) ([]dm.Info, error) {
	left, err := Left(k)
	if err != nil {
		return nil, err
	}
	order := fromBelow(k, left)
	slices.Reverse(order) // a device is free when those above it are gone
	var open []dm.Info
	var errs []error
	for _, d := range order {
		d, err := k.Info(d.Name)
		if err == nil && d.OpenCount > 0 {
			open = append(open, d)
			continue
		}
		if err == nil {
			err = k.Remove(d.Name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	slices.SortFunc(open, func(a, b dm.Info) int { return strings.Compare(a.Name, b.Name) })
	return open, errors.Join(errs...)
}

// Left returns the volumes of earlier leaves that are still there.
func Left(k dm.Kernel) ([]dm.Info, error) {
	entries, err := k.List()
	if err != nil {
		return nil, err
	}
	var left []dm.Info
	for _, e := range entries {
		if !leftName.MatchString(e.Name) {
			continue
		}
		info, err := k.Info(e.Name)
		if err == nil && strings.HasPrefix(info.UUID, uuidPrefix) {
			left = append(left, info)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return left, nil
}
