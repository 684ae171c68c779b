// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/vm-tests/agent"
)

const qemuProgram = "qemu-system-x86_64"

// hardware is what a guest is made of; the same for each of its boots.
type hardware struct {
	cpus     int
	memoryMB int
	kernel   Kernel
	initrd   string
	options  []string // kernel boot options
	disks    []disk
	nics     []nic
	console  string // the serial console is appended here
	journal  string // systemd's journal is appended here; empty for none
}

// disk is a virtio disk of one guest.
type disk struct {
	path     string
	serial   string
	readOnly bool
	snapshot bool // writes go to an anonymous file and are gone with the boot
}

// nic is a virtio network device on a tap of the lab's namespace.
type nic struct {
	id, tap, mac string
}

// arguments builds QEMU's command line. File descriptors 3 and 4 are the agent's stream and the control protocol.
//
// A guest under KVM hangs on some nested machines although /dev/kvm opens; emulation works everywhere and costs a few
// seconds at boot, so it is what the tests are made for.
func (h hardware) arguments() []string {
	options := append([]string{"console=ttyS0", "panic=-1", "loglevel=5", "rcupdate.rcu_cpu_stall_suppress=1", "nosoftlockup", "mitigations=off"}, h.options...)
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-machine", "pc",
		"-smp", strconv.Itoa(h.cpus), "-m", strconv.Itoa(h.memoryMB),
		"-kernel", h.kernel.Image, "-initrd", h.initrd, "-append", strings.Join(options, " "),
		"-chardev", "file,id=console,append=on,path=" + h.console, "-serial", "chardev:console",
		"-device", "virtio-serial-pci,max_ports=4",
		"-chardev", "socket,id=agent,fd=3", "-device", "virtserialport,chardev=agent,name=plexus.agent",
		"-chardev", "socket,id=qmp,fd=4", "-mon", "chardev=qmp,mode=control",
		"-device", "virtio-rng-pci",
	}
	if h.journal != "" {
		args = append(args, "-chardev", "file,id=journal,append=on,path="+h.journal, "-device", "virtconsole,chardev=journal")
	}
	for i, d := range h.disks {
		args = append(args, d.arguments(i)...)
	}
	for _, n := range h.nics {
		args = append(args, "-netdev", fmt.Sprintf("tap,id=%s,ifname=%s,script=no,downscript=no", n.id, n.tap),
			"-device", fmt.Sprintf("virtio-net-pci,id=%s-card,netdev=%s,mac=%s,romfile=", n.id, n.id, n.mac))
	}
	return args
}

func (d disk) arguments(i int) []string {
	drive := fmt.Sprintf("file=%s,if=none,id=disk%d,format=raw", d.path, i)
	switch {
	case d.readOnly:
		drive += ",readonly=on"
	case d.snapshot:
		drive += ",snapshot=on,cache=unsafe"
	}
	return []string{"-drive", drive, "-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d,serial=%s", i, d.serial)}
}

// process is one boot: a running QEMU and the two streams into it.
type process struct {
	cmd    *exec.Cmd
	agent  *agent.Client
	qmp    *qmp
	exited chan struct{}
	state  error // how QEMU ended, once exited is closed
}

// startQEMU starts a guest on the thread whose network namespace holds its taps.
func startQEMU(t *thread, h hardware, errorLog string) (*process, error) {
	agentHere, agentThere, err := socketPair("agent")
	if err != nil {
		return nil, err
	}
	defer agentThere.Close()
	qmpHere, qmpThere, err := socketPair("qmp")
	if err != nil {
		agentHere.Close()
		return nil, err
	}
	defer qmpThere.Close()
	log, err := os.OpenFile(errorLog, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		agentHere.Close()
		qmpHere.Close()
		return nil, err
	}
	defer log.Close()

	cmd := exec.Command(qemuProgram, h.arguments()...)
	cmd.ExtraFiles = []*os.File{agentThere, qmpThere}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(filepath.Dir(errorLog))) // for the writes to snapshots
	if err := t.start(cmd); err != nil {
		agentHere.Close()
		qmpHere.Close()
		return nil, fmt.Errorf("start a guest: %w; vm-tests/setup installs QEMU", err)
	}
	p := &process{cmd: cmd, agent: agent.NewClient(agentHere), qmp: newQMP(qmpHere), exited: make(chan struct{})}
	go func() {
		p.state = cmd.Wait()
		p.agent.Close()
		qmpHere.Close()
		close(p.exited)
	}()
	return p, nil
}

// handshake ends the negotiation that QMP begins with.
func (p *process) handshake(ctx context.Context) error {
	return p.qmp.command(ctx, "qmp_capabilities", nil)
}

// signal reaches QEMU itself: SIGSTOP freezes the guest and its clocks jump when it goes on.
func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// kill ends the guest as a power cut does, and waits for that.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// socketPair makes a connected pair: ours is closed on exec and can be waited for, theirs is handed to a child.
func socketPair(name string) (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make the %s stream: %w", name, err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, fmt.Errorf("make the %s stream: %w", name, err)
	}
	return os.NewFile(uintptr(fds[0]), name), os.NewFile(uintptr(fds[1]), name), nil
}
