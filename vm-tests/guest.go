// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/plexus-cvm/plexus/vm-tests/agent"
)

// Times that a guest is given. Machines that run these tests stall for a quarter of a second now and then, and a loaded one
// boots three times slower than an idle one.
const (
	bootLimit     = 150 * time.Second
	controlLimit  = 10 * time.Second // an answer of QEMU itself
	powerOffLimit = 60 * time.Second
)

// ErrOff says that a guest is not running.
var ErrOff = errors.New("the guest is not running")

// Guest is one virtual machine. It may be booted many times; disks that are not snapshots stay. Its methods may be called from
// several goroutines, but those that change its power state wait for each other.
type Guest struct {
	name    string
	thread  *thread
	scratch *scratch
	log     func(string, ...any)
	prepare func() (hardware, error)    // called before each boot
	ready   func(context.Context) error // waits for what comes after the agent's first word; nil: nothing does

	power sync.Mutex // one change of the power state at a time
	mu    sync.Mutex // guards what follows
	now   *process   // nil when off
	hello agent.Hello
	took  time.Duration
}

// Name is the guest's host name.
func (g *Guest) Name() string { return g.name }

// Boot starts the guest and returns when its agent answers.
func (g *Guest) Boot(ctx context.Context) error {
	g.power.Lock()
	defer g.power.Unlock()
	if p := g.process(); p != nil {
		return fmt.Errorf("boot %s: it is running", g.name)
	}
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	start := time.Now()
	h, err := g.prepare()
	if err != nil {
		return fmt.Errorf("boot %s: %w", g.name, err)
	}
	p, err := startQEMU(g.thread, h, g.scratch.logPath(g.name+".qemu"))
	if err != nil {
		return fmt.Errorf("boot %s: %w", g.name, err)
	}
	if err := p.handshake(ctx); err != nil {
		p.kill()
		return fmt.Errorf("boot %s: %w%s", g.name, err, g.lastWords())
	}
	hello, err := p.agent.Hello(ctx)
	if err != nil {
		p.kill()
		return fmt.Errorf("boot %s: no word from its agent after %v: %w%s", g.name, time.Since(start).Round(time.Millisecond), err, g.lastWords())
	}
	g.mu.Lock()
	g.now, g.hello = p, hello
	g.mu.Unlock()
	if g.ready != nil {
		if err := g.ready(ctx); err != nil {
			return fmt.Errorf("boot %s: %w%s", g.name, err, g.lastWords())
		}
	}
	g.mu.Lock()
	g.took = time.Since(start)
	g.mu.Unlock()
	g.log("%s: up in %.1f s (%s)", g.name, g.took.Seconds(), hello.Release)
	return nil
}

// lastWords are the ends of the console and of QEMU's own messages, for the error of a boot that came to nothing.
func (g *Guest) lastWords() string {
	const bytesMax = 2000
	var b strings.Builder
	for _, name := range []string{g.scratch.logPath(g.name + ".qemu"), g.Console()} {
		text, err := os.ReadFile(name)
		if err == nil && len(text) > 0 {
			fmt.Fprintf(&b, "\n--- end of %s\n%s", name, text[max(0, len(text)-bytesMax):])
		}
	}
	return b.String()
}

// Release is the running kernel's release.
func (g *Guest) Release() string { g.mu.Lock(); defer g.mu.Unlock(); return g.hello.Release }

// BootID is the running kernel's boot id: another one is another boot.
func (g *Guest) BootID() string { g.mu.Lock(); defer g.mu.Unlock(); return g.hello.Boot }

// BootTook is how long the last Boot took.
func (g *Guest) BootTook() time.Duration { g.mu.Lock(); defer g.mu.Unlock(); return g.took }

// Console is the file on this machine that the guest's serial console is written to.
func (g *Guest) Console() string { return g.scratch.logPath(g.name + ".console") }

// Running says whether there is a QEMU behind the guest, frozen or not.
func (g *Guest) Running() bool { return g.process() != nil }

// Exited is closed when the present boot's QEMU has ended; it is closed already if the guest is off.
func (g *Guest) Exited() <-chan struct{} {
	if p := g.process(); p != nil {
		return p.exited
	}
	off := make(chan struct{})
	close(off)
	return off
}

// process returns the running QEMU; one that ended by itself (a power-off inside, a panic) is forgotten here.
func (g *Guest) process() *process {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now != nil {
		select {
		case <-g.now.exited:
			g.now = nil
		default:
		}
	}
	return g.now
}

// running is process with an error for a guest that is off.
func (g *Guest) running(what string) (*process, error) {
	if p := g.process(); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s %s: %w", what, g.name, ErrOff)
}

// Kill cuts the power. What the guest had not flushed to its disks is lost. Killing a guest that is off is no error.
func (g *Guest) Kill() {
	g.power.Lock()
	defer g.power.Unlock()
	if p := g.process(); p != nil {
		p.kill()
	}
}

// Freeze stops the guest's world while real time goes on: at the Thaw its CLOCK_BOOTTIME jumps by the time it was frozen, as
// on a stalled host. It is a different fault from Pause.
func (g *Guest) Freeze() error { return g.signal("freeze", syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (g *Guest) Thaw() error { return g.signal("thaw", syscall.SIGCONT) }

func (g *Guest) signal(what string, s syscall.Signal) error {
	p, err := g.running(what)
	if err != nil {
		return err
	}
	if err := p.signal(s); err != nil {
		return fmt.Errorf("%s %s: %w", what, g.name, err)
	}
	return nil
}

// Pause stops the guest together with its clocks, as a hypervisor does for a snapshot or a migration: after Continue no time
// has passed for CLOCK_BOOTTIME. A lease survives a Pause and outlives its time in the world outside.
func (g *Guest) Pause() error { return g.control("pause", "stop", nil) }

// Continue ends a Pause.
func (g *Guest) Continue() error { return g.control("continue", "cont", nil) }

// SetLink plugs or pulls the cable of a network device: the guest sees the carrier go.
func (g *Guest) setLink(id string, up bool) error {
	return g.control("set link of", "set_link", map[string]any{"name": id, "up": up})
}

func (g *Guest) control(what, command string, arguments any) error {
	p, err := g.running(what)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), controlLimit)
	defer cancel()
	if err := p.qmp.command(ctx, command, arguments); err != nil {
		return fmt.Errorf("%s %s: %w", what, g.name, err)
	}
	return nil
}

// PowerOff asks the guest to shut down in good order and waits until it is off.
func (g *Guest) PowerOff(ctx context.Context) error {
	g.power.Lock()
	defer g.power.Unlock()
	p, err := g.running("power off")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, powerOffLimit)
	defer cancel()
	if err := g.askPowerOff(ctx, p); err != nil {
		return fmt.Errorf("power off %s: %w", g.name, err)
	}
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("power off %s: %w; its console is %s", g.name, ctx.Err(), g.Console())
	}
}

// askPowerOff uses what the guest has: systemd in a node, the end of the agent's stream in a kernel guest.
func (g *Guest) askPowerOff(ctx context.Context, p *process) error {
	call, err := p.agent.Start(ctx, agent.Request{Argv: []string{"systemctl", "poweroff"}}, nil, nil, nil)
	if err != nil {
		return err
	}
	exit, err := call.Wait(ctx)
	if err == nil && exit.Error != "" {
		return p.agent.Close()
	}
	if errors.Is(err, agent.ErrGone) {
		return nil
	}
	return err
}

// Reboot is PowerOff and Boot.
func (g *Guest) Reboot(ctx context.Context) error {
	if err := g.PowerOff(ctx); err != nil {
		return err
	}
	return g.Boot(ctx)
}
