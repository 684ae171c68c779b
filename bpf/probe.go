// SPDX-License-Identifier: Apache-2.0

package bpf

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// Answer is what a probe found out.
type Answer string

const (
	Yes     Answer = "yes"
	No      Answer = "no"      // ErrNotSupported, or seen not to hold
	Unknown Answer = "unknown" // could not tell
)

// Finding is the answer of one named probe.
type Finding struct {
	Name   string `json:"name"`
	Answer Answer `json:"answer"`
	Detail string `json:"detail,omitempty"` // what was seen, or why it could not be
	Err    error  `json:"-"`                // nil for yes
}

func (f Finding) String() string {
	if f.Detail == "" {
		return fmt.Sprintf("%s: %s", f.Name, f.Answer)
	}
	return fmt.Sprintf("%s: %s: %s", f.Name, f.Answer, f.Detail)
}

// finding makes one of an error, of which nil means yes.
func finding(name string, err error, seen string) Finding {
	switch {
	case err == nil:
		return Finding{name, Yes, seen, nil}
	case errors.Is(err, ErrNotSupported):
		return Finding{name, No, err.Error(), err}
	}
	return Finding{name, Unknown, err.Error(), err}
}

// bioTarget is where every bio passes; a kernel built without error injection lets nobody change its answer.
const bioTarget = "should_fail_bio"

// Probe asks this kernel what it can do for the gate, without changing anything. That a hook can be attached is not that
// it works; SelfTest shows that.
//
//	btf bpffs cgroup2                 what the gate stands on
//	open permission ioctl mmap uring_cmd egress   whether programs for these hooks load
//	bio                               whether this kernel would let a program refuse every bio
//	preemption                        whether tasks inside the kernel are left alone, so that no program is skipped
func Probe() []Finding {
	found := []Finding{
		finding("btf", checkBTF(), ""),
		finding("bpffs", checkBPFFS(PinDir), ""),
	}
	root, err := cgroupRoot()
	found = append(found, finding("cgroup2", err, root))
	for _, h := range Hooks() {
		if h == HookEgress {
			found = append(found, finding(h.String(), loads(&ebpf.ProgramSpec{Type: ebpf.CGroupSKB, AttachType: ebpf.AttachCGroupInetEgress}, 1), ""))
			continue
		}
		found = append(found, finding(h.String(), modifies(places[h].target), ""))
	}
	seen, err := preemption(preemptFile)
	return append(found, finding("bio", modifies(bioTarget), ""), finding("preemption", err, seen))
}

// modifies says whether a program may answer in place of the kernel function.
func modifies(target string) error {
	return loads(&ebpf.ProgramSpec{Type: ebpf.Tracing, AttachType: ebpf.AttachModifyReturn, AttachTo: target}, 0)
}

// loads says whether the kernel takes a program of that kind that only returns ret.
func loads(spec *ebpf.ProgramSpec, ret int32) error {
	spec.Name, spec.License = "plexus_probe", "GPL"
	spec.Instructions = asm.Instructions{asm.Mov.Imm(asm.R0, ret), asm.Return()}
	p, err := ebpf.NewProgram(spec)
	var verifier *ebpf.VerifierError
	switch {
	case err == nil:
		return p.Close()
	case errors.As(err, &verifier) && strings.Contains(err.Error(), "is not modifiable"):
		return fmt.Errorf("the kernel lets nobody answer for %s: %w", spec.AttachTo, ErrNotSupported)
	}
	return explain(err)
}

// preemptFile holds the modes of preemption, the one in force in brackets.
const preemptFile = "/sys/kernel/debug/sched/preempt"

// preemption returns the mode in force; full preemption is "not supported", because programs are then skipped.
func preemption(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read mode of preemption: %w: is debugfs mounted?", err)
	}
	_, rest, _ := strings.Cut(string(text), "(")
	mode, _, found := strings.Cut(rest, ")")
	switch {
	case !found:
		return "", fmt.Errorf("read mode of preemption: %s says %q", file, strings.TrimSpace(string(text)))
	case mode == "none" || mode == "voluntary":
		return mode, nil
	}
	return "", fmt.Errorf("kernel preempts with mode %s, and skips a program that was interrupted by itself: boot with preempt=voluntary: %w", mode, ErrNotSupported)
}
