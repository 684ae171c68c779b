//go:build vm

// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// harnessProcess tells the test program to be a harness that is about to be killed.
const harnessProcess = "PLEXUS_VM_TEST_HARNESS"

// TestMain lets the test program play its victim.
func TestMain(m *testing.M) {
	if os.Getenv(harnessProcess) == "" {
		os.Exit(m.Run())
	}
	l, err := New(context.Background(), Options{Nodes: 1, Disks: 1, Off: true})
	if err != nil {
		fmt.Println("-", err)
		os.Exit(1)
	}
	go l.Node(1).Boot(context.Background())
	fmt.Println(l.scratch.dir)
	select {}
}

func TestNothingIsLeft(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			self, err := os.Executable()
			must(t, err)
			victim := exec.Command(self)
			victim.Env = append(os.Environ(), harnessProcess+"=1")
			out, err := victim.StdoutPipe()
			must(t, err)
			victim.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			must(t, victim.Start())
			defer victim.Process.Kill() // of no effect after its end
			line, err := bufio.NewReader(out).ReadString('\n')
			dir := strings.TrimSpace(line)
			if err != nil || !strings.HasPrefix(dir, "/") {
				t.Fatalf("the harness said %q, %v", line, err)
			}
			await(t, "a target and a guest run", func() bool {
				return len(users(t, dir, "environ")) > 0 && len(users(t, dir, "cmdline")) > 0
			})
			must(t, victim.Process.Signal(signal))
			victim.Wait()
			await(t, "nothing of it is left", func() bool {
				_, err := os.Stat(dir)
				return os.IsNotExist(err) && len(users(t, dir, "environ")) == 0 && len(users(t, dir, "cmdline")) == 0
			})
		})
	}
}

// await fails the test if something does not become so within the time that a start and an end may take.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !so() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("still not so: %s", what)
		}
	}
}

// users are the processes that name files of a directory where: a guest on its command line, the target in its environment.
func users(t *testing.T, dir, where string) (found []string) {
	names, err := filepath.Glob("/proc/[0-9]*/" + where)
	must(t, err)
	for _, name := range names {
		if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), dir+"/") {
			found = append(found, name)
		}
	}
	return found
}

func TestTheSweepTakesOnlyWhatIsDead(t *testing.T) {
	living, err := newScratch()
	must(t, err)
	defer living.remove()
	dead, err := os.MkdirTemp("", scratchPrefix)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dead, scratchLock), nil, 0o600))
	must(t, Sweep())
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dead, err)
	}
	if _, err := os.Stat(living.dir); err != nil {
		t.Errorf("the sweep took a living one: %v", err)
	}
}
