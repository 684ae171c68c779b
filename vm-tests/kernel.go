// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// kernelPackages are the packages that always depend on the newest stock Debian kernel of a series.
var kernelPackages = map[string]string{
	"6.1":  "linux-image-amd64",
	"6.12": "linux-image-6.12-amd64",
}

// KernelSeries are the kernels that guests may run, oldest first.
func KernelSeries() []string { return []string{"6.1", "6.12"} }

// Kernel is a stock Debian kernel unpacked into the cache; nothing of it is installed on this machine.
type Kernel struct {
	Series  string // 6.12
	Release string // 6.12.117+deb12-amd64, as uname -r says in the guest
	Image   string // the bzImage
	Modules string // the directory lib/modules/RELEASE
}

var kernelPackage = regexp.MustCompile(`(?m)^\s*Depends: (linux-image-([0-9]\S*))$`)

// FetchKernel downloads and unpacks the newest kernel of a series, once.
func FetchKernel(ctx context.Context, series string) (Kernel, error) {
	meta, ok := kernelPackages[series]
	if !ok {
		return Kernel{}, fmt.Errorf("fetch kernel %s: no such series; there are %s", series, strings.Join(KernelSeries(), " and "))
	}
	name, release, err := newestKernel(ctx, meta)
	if err != nil {
		return cachedKernel(series, err)
	}
	dir, err := cached("kernel-"+release, func(path string) error {
		if err := unpackPackages(ctx, path, name); err != nil {
			return err
		}
		_, err := hostCommand(ctx, path, depmod(), "-b", path, release)
		return err
	})
	if err != nil {
		return Kernel{}, fmt.Errorf("fetch kernel %s: %w", series, err)
	}
	return kernelIn(series, release, dir), nil
}

func kernelIn(series, release, dir string) Kernel {
	return Kernel{
		Series: series, Release: release,
		Image:   filepath.Join(dir, "boot", "vmlinuz-"+release),
		Modules: filepath.Join(dir, "lib", "modules", release),
	}
}

// newestKernel asks apt which kernel package is behind the meta package.
func newestKernel(ctx context.Context, meta string) (name, release string, err error) {
	for _, refresh := range []bool{false, true} {
		if refresh {
			if err := updateApt(ctx); err != nil {
				return "", "", err
			}
		}
		out, err := hostCommand(ctx, "", "apt-cache", "depends", meta)
		if found := kernelPackage.FindStringSubmatch(out); err == nil && found != nil {
			return found[1], found[2], nil
		}
	}
	return "", "", fmt.Errorf("apt knows no package %s; the guests need the sources of Debian 12 and its security archive", meta)
}

// cachedKernel is the way out on a machine without a network or without apt: what an earlier run has fetched.
func cachedKernel(series string, why error) (Kernel, error) {
	dir, err := CacheDir()
	if err != nil {
		return Kernel{}, err
	}
	found, err := filepath.Glob(filepath.Join(dir, "kernel-"+series+".*-amd64"))
	if err != nil || len(found) == 0 {
		return Kernel{}, fmt.Errorf("fetch kernel %s: %w", series, why)
	}
	slices.SortFunc(found, func(a, b string) int { return modified(a).Compare(modified(b)) })
	newest := found[len(found)-1]
	return kernelIn(series, strings.TrimPrefix(filepath.Base(newest), "kernel-"), newest), nil
}

// depmod is not in the PATH of everybody.
func depmod() string {
	for _, name := range []string{"/sbin/depmod", "/usr/sbin/depmod"} {
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	return "depmod"
}
