// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

var aptUpdated sync.Once

// updateApt refreshes the package lists, at most once in a process.
func updateApt(ctx context.Context) (err error) {
	aptUpdated.Do(func() { _, err = hostCommand(ctx, "", "apt-get", "update", "-qq") })
	return err
}

// unpackPackages downloads Debian packages and unpacks them below dir. They are not installed: no script of theirs runs.
func unpackPackages(ctx context.Context, dir string, names ...string) error {
	debs := filepath.Join(dir, ".debs")
	if err := os.MkdirAll(debs, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(debs)
	args := append([]string{"download", "-qq", "-o", "APT::Sandbox::User=root"}, names...)
	if _, err := hostCommand(ctx, debs, "apt-get", args...); err != nil {
		// The lists name a version that the archive has replaced since.
		if err := updateApt(ctx); err != nil {
			return err
		}
		if _, err := hostCommand(ctx, debs, "apt-get", args...); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("download %v: apt-get left no package", names)
	}
	for _, file := range files {
		if _, err := hostCommand(ctx, dir, "dpkg", "-x", file, dir); err != nil {
			return err
		}
	}
	return nil
}

func modified(name string) time.Time {
	info, err := os.Stat(name)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
