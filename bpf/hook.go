// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// ErrNotSupported says that this kernel cannot do what was asked, as against: could not be found out.
var ErrNotSupported = ebpf.ErrNotSupported

// Hook is one place in the kernel where the gate is asked. The numbers are those of the counters map.
type Hook uint32

const (
	HookOpen Hook = iota
	HookPermission
	HookIoctl
	HookMmap
	HookUringCmd
	HookEgress
	hooksMax
)

// A place says how one hook is attached.
type place struct {
	name    string // of the hook and of its pin
	program string // in gate.bpf.c
	target  string // kernel function, empty for egress
}

var places = [hooksMax]place{
	HookOpen:       {"open", gateProgGateOpen, "security_file_open"},
	HookPermission: {"permission", gateProgGatePermission, "security_file_permission"},
	HookIoctl:      {"ioctl", gateProgGateIoctl, "security_file_ioctl"},
	HookMmap:       {"mmap", gateProgGateMmap, "security_mmap_file"},
	HookUringCmd:   {"uring_cmd", gateProgGateUringCmd, "security_uring_cmd"},
	HookEgress:     {"egress", gateProgGateEgress, ""},
}

func (h Hook) String() string {
	if h < hooksMax {
		return places[h].name
	}
	return fmt.Sprintf("hook %d", uint32(h))
}

// Hooks returns all hooks, in the order of the counters.
func Hooks() []Hook {
	all := make([]Hook, hooksMax)
	for i := range all {
		all[i] = Hook(i)
	}
	return all
}

// attach loads the program of the hook upon the maps and attaches it.
func (h Hook) attach(spec *ebpf.CollectionSpec, opts ebpf.CollectionOptions) (link.Link, error) {
	p := places[h]
	alone := spec.Copy()
	alone.Programs = map[string]*ebpf.ProgramSpec{p.program: alone.Programs[p.program]}
	loaded, err := ebpf.NewCollectionWithOptions(alone, opts)
	if err != nil {
		return nil, fmt.Errorf("load gate program %s: %w", h, explain(err))
	}
	defer loaded.Close() // the link holds the program
	if h != HookEgress {
		l, err := link.AttachTracing(link.TracingOptions{Program: loaded.Programs[p.program]})
		if err != nil {
			return nil, fmt.Errorf("attach gate program %s to %s: %w", h, p.target, err)
		}
		return l, nil
	}
	root, err := cgroupRoot()
	if err != nil {
		return nil, fmt.Errorf("attach gate program %s: %w", h, err)
	}
	l, err := link.AttachCgroup(link.CgroupOptions{Path: root, Attach: ebpf.AttachCGroupInetEgress, Program: loaded.Programs[p.program]})
	if err != nil {
		return nil, fmt.Errorf("attach gate program %s to cgroup %s: %w", h, root, err)
	}
	return l, nil
}

// explain adds to an error of loading what a person can do about it.
func explain(err error) error {
	var verifier *ebpf.VerifierError
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the kernel refuses this type of program: run as root, outside of containers and with lockdown off: %w", err)
	case errors.As(err, &verifier):
		return fmt.Errorf("this kernel's verifier refuses it: %w", err)
	}
	return err
}
