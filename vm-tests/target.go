// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// TargetName is the iSCSI name of the lab's target.
const TargetName = "iqn.2026-01.example.plexus:disks"

const (
	portalPort      = 3260
	targetWait      = 20 * time.Second
	targetRetry     = 50 * time.Millisecond
	targetLibraries = "usr/lib/x86_64-linux-gnu"
)

// Target is the host of the shared disks: tgt, an iSCSI target in user space, on the storage network. Its disks are ordinary
// files of this machine, so that a test can judge what has really arrived.
type Target struct {
	Portal string // address:port

	thread  *thread
	scratch *scratch
	tree    string // where the tgt packages are unpacked
	daemon  *exec.Cmd
	exited  chan struct{}
	disks   []*TargetDisk
}

// TargetDisk is one logical unit.
type TargetDisk struct {
	LUN    int    // 1 for the first
	Serial string // unit serial number, as lsblk shows it in a node
	Path   string // the backing file

	portal string
}

// fetchTarget downloads and unpacks tgt and those of its libraries that this machine lacks. Nothing is installed: no service
// starts.
func fetchTarget(ctx context.Context) (string, error) {
	return cached("tgt-1", func(path string) error {
		out, err := hostCommand(ctx, "", "apt-get", "install", "--print-uris", "-qq", "--no-install-recommends", "tgt")
		if err != nil {
			return err
		}
		names := []string{"tgt"}
		for line := range strings.Lines(out) {
			if words := strings.Fields(line); len(words) > 1 && strings.HasPrefix(words[1], "lib") {
				name, _, _ := strings.Cut(words[1], "_")
				names = append(names, name)
			}
		}
		return unpackPackages(ctx, path, names...)
	})
}

// startTarget runs the target in the lab's namespace with as many disks as asked for.
func startTarget(ctx context.Context, t *thread, s *scratch, address string, disks int, bytes int64) (*Target, error) {
	tree, err := fetchTarget(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch the iSCSI target: %w", err)
	}
	g := &Target{Portal: fmt.Sprintf("%s:%d", address, portalPort), thread: t, scratch: s, tree: tree, exited: make(chan struct{})}
	if err := g.start(); err != nil {
		return nil, fmt.Errorf("start the iSCSI target: %w", err)
	}
	if err := g.configure(ctx, disks, bytes); err != nil {
		g.stop()
		return nil, fmt.Errorf("set up the iSCSI target: %w", err)
	}
	return g, nil
}

func (g *Target) start() error {
	log, err := os.Create(g.scratch.logPath("target.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	g.daemon = exec.Command(filepath.Join(g.tree, "usr/sbin/tgtd"), "-f", "--iscsi", "portal="+g.Portal)
	g.daemon.Env = g.environment()
	g.daemon.Stdout, g.daemon.Stderr = log, log
	// It ignores SIGTERM and has children of its own; in a process namespace they all end with it.
	g.daemon.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := g.thread.start(g.daemon); err != nil {
		return err
	}
	go func() {
		g.daemon.Wait()
		close(g.exited)
	}()
	return nil
}

// environment gives it a control socket of its own: the usual one is for all of the machine.
func (g *Target) environment() []string {
	return append(os.Environ(), "TGT_IPC_SOCKET="+g.scratch.path("tgtd"), "LD_LIBRARY_PATH="+filepath.Join(g.tree, targetLibraries))
}

func (g *Target) configure(ctx context.Context, disks int, bytes int64) error {
	ctx, cancel := context.WithTimeout(ctx, targetWait)
	defer cancel()
	if err := g.awaitSocket(ctx); err != nil {
		return err
	}
	if err := g.admin(ctx, "new", "target", "-T", TargetName); err != nil {
		return err
	}
	for lun := 1; lun <= disks; lun++ {
		if err := g.addDisk(ctx, lun, bytes); err != nil {
			return err
		}
	}
	return g.admin(ctx, "bind", "target", "-I", "ALL")
}

// awaitSocket waits until the daemon takes commands.
func (g *Target) awaitSocket(ctx context.Context) error {
	for {
		_, err := g.show(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(targetRetry):
		case <-g.exited:
			text, _ := os.ReadFile(g.scratch.logPath("target.log"))
			return fmt.Errorf("tgtd ended at once: %s", text)
		case <-ctx.Done():
			return err
		}
	}
}

func (g *Target) addDisk(ctx context.Context, lun int, bytes int64) error {
	d := &TargetDisk{LUN: lun, Serial: fmt.Sprintf("plexus-disk-%d", lun), Path: g.scratch.path(fmt.Sprintf("disk%d", lun)), portal: g.Portal}
	file, err := os.Create(d.Path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(bytes); err != nil {
		return err
	}
	number := fmt.Sprint(lun)
	if err := g.admin(ctx, "new", "logicalunit", "--lun", number, "-b", d.Path); err != nil {
		return err
	}
	g.disks = append(g.disks, d)
	return g.admin(ctx, "update", "logicalunit", "--lun", number, "--params", fmt.Sprintf("scsi_sn=%s,scsi_id=%s", d.Serial, d.Serial))
}

func (g *Target) admin(ctx context.Context, op, mode string, args ...string) error {
	_, err := g.command(ctx, append([]string{"--op", op, "--mode", mode, "--tid", "1"}, args...)...)
	return err
}

// show is what the target says of itself: sessions, disks.
func (g *Target) show(ctx context.Context) (string, error) {
	return g.command(ctx, "--op", "show", "--mode", "target")
}

func (g *Target) command(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(g.tree, "usr/sbin/tgtadm"), append([]string{"--lld", "iscsi"}, args...)...)
	cmd.Env = g.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("tgtadm %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// Disk returns the disk of a logical unit; the first is 1.
func (g *Target) Disk(lun int) *TargetDisk { return g.disks[lun-1] }

// Disks returns all disks.
func (g *Target) Disks() []*TargetDisk { return g.disks }

// Device is the disk's name in a node that is logged in.
func (d *TargetDisk) Device() string {
	return fmt.Sprintf("/dev/disk/by-path/ip-%s-iscsi-%s-lun-%d", d.portal, TargetName, d.LUN)
}

// ReadAt reads what is on the disk at this moment, at the target's side.
func (d *TargetDisk) ReadAt(b []byte, offset int64) (int, error) {
	file, err := os.Open(d.Path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return file.ReadAt(b, offset)
}

// WriteAt puts bytes on the disk behind the nodes' backs: foreign data, a damaged label.
func (d *TargetDisk) WriteAt(b []byte, offset int64) (int, error) {
	file, err := os.OpenFile(d.Path, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return file.WriteAt(b, offset)
}

// Freeze makes the target silent: its connections stay, nothing is answered, what arrives waits. Thaw lets it go on.
func (g *Target) Freeze() error { return g.daemon.Process.Signal(syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (g *Target) Thaw() error { return g.daemon.Process.Signal(syscall.SIGCONT) }

// stop ends the target for sure.
func (g *Target) stop() {
	g.daemon.Process.Kill()
	<-g.exited
}
