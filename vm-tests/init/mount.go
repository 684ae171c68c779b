// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// mount is one line of the table of file systems.
type mount struct {
	kind, at, data string
	optional       bool // not every kernel has it
}

// kernelMounts are what a program that talks to the kernel expects to find.
var kernelMounts = []mount{
	{kind: "proc", at: "/proc"},
	{kind: "sysfs", at: "/sys"},
	{kind: "devtmpfs", at: "/dev"},
}

// testMounts are added in a kernel guest; in a node guest systemd mounts them.
var testMounts = []mount{
	{kind: "tmpfs", at: "/run", data: "mode=755"},
	{kind: "tmpfs", at: "/tmp", data: "mode=1777"},
	{kind: "devpts", at: "/dev/pts"},
	{kind: "tmpfs", at: "/dev/shm", data: "mode=1777"},
	{kind: "cgroup2", at: "/sys/fs/cgroup"},
	{kind: "bpf", at: "/sys/fs/bpf", data: "mode=700"},
	{kind: "debugfs", at: "/sys/kernel/debug"},
	{kind: "tracefs", at: "/sys/kernel/tracing", optional: true},
	{kind: "securityfs", at: "/sys/kernel/security", optional: true},
	{kind: "configfs", at: "/sys/kernel/config", optional: true},
}

func mountKernelFilesystems() error { return mountAll(kernelMounts) }

func mountAll(table []mount) error {
	for _, m := range table {
		if err := os.MkdirAll(m.at, 0o755); err != nil && !m.optional {
			return fmt.Errorf("make mount point: %w", err)
		}
		err := unix.Mount(m.kind, m.at, m.kind, 0, m.data)
		if err != nil && err != unix.EBUSY && !m.optional { // EBUSY: the kernel has mounted devtmpfs itself
			return fmt.Errorf("mount %s at %s: %w", m.kind, m.at, err)
		}
	}
	return nil
}
