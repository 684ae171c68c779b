// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// KernelOptions say what a kernel guest is made of.
type KernelOptions struct {
	Kernel   string // series; empty means 6.12
	CPUs     int    // 0 means 2
	MemoryMB int    // 0 means 384
	Boot     []string
	Files    []File
	Log      func(format string, args ...any) // progress; nil drops it
}

// KernelGuest is a guest that holds nothing but a kernel, its modules, an agent and the files it is given: up in seconds, for
// tests of what the kernel does. It has no network and no disks but those that its tests make of memory.
type KernelGuest struct {
	*Guest
}

// StartKernelGuest boots a kernel guest. Close it.
func StartKernelGuest(ctx context.Context, o KernelOptions) (*KernelGuest, error) {
	if o.Kernel == "" {
		o.Kernel = "6.12"
	}
	if o.CPUs == 0 {
		o.CPUs = 2
	}
	if o.MemoryMB == 0 {
		o.MemoryMB = 384
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	kernel, err := FetchKernel(ctx, o.Kernel)
	if err != nil {
		return nil, err
	}
	s, err := newScratch()
	if err != nil {
		return nil, err
	}
	t, err := newThread(func() error { return nil })
	if err != nil {
		s.remove()
		return nil, err
	}
	g := &KernelGuest{&Guest{name: "guest", thread: t, scratch: s, log: o.Log}}
	g.prepare = func() (hardware, error) {
		return hardware{
			cpus: o.CPUs, memoryMB: o.MemoryMB, kernel: kernel, initrd: s.path("initrd"),
			options: append([]string{"plexus.guest=" + string(kernelGuest)}, o.Boot...),
			console: g.Console(),
		}, nil
	}
	if err = g.assemble(ctx, kernel, o.Files); err == nil {
		err = g.Boot(ctx)
	}
	if err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func (g *KernelGuest) assemble(ctx context.Context, k Kernel, files []File) error {
	binary, err := initBinary(ctx, g.scratch.dir)
	if err != nil {
		return err
	}
	base, err := baseInitramfs(ctx, k, kernelGuest, binary)
	if err != nil {
		return err
	}
	return joinInitramfs(g.scratch.path("initrd"), base, "", files)
}

// Keep copies the console to a place that stays and returns it.
func (g *KernelGuest) Keep(ctx context.Context) (string, error) {
	if log, err := g.KernelLog(ctx); err == nil {
		if err := os.WriteFile(g.scratch.logPath(g.name+".dmesg"), []byte(log), 0o644); err != nil {
			return "", err
		}
	}
	return g.scratch.keep()
}

// Close ends the guest and removes everything of it.
func (g *KernelGuest) Close() error {
	g.Kill()
	g.thread.stop()
	if err := g.scratch.remove(); err != nil {
		return fmt.Errorf("remove the guest's files: %w", err)
	}
	return nil
}

// Modprobe loads a kernel module of a kernel guest.
func (g *KernelGuest) Modprobe(ctx context.Context, name string, parameters ...string) error {
	_, err := g.Run(ctx, append(strings.Fields("modprobe "+name), parameters...)...)
	return err
}
