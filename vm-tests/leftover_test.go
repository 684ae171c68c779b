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
	if err == nil {
		err = l.Node(1).Boot(context.Background())
	}
	fmt.Println(l.scratch.dir, err)
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
			must(t, victim.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			dir, said, _ := strings.Cut(strings.TrimSpace(line), " ")
			if err != nil || said != "<nil>" {
				t.Fatalf("the harness said %q, %v", line, err)
			}
			if len(users(t, dir)) < 2 {
				t.Fatalf("a guest and a target should run; there are %v", users(t, dir))
			}
			must(t, victim.Process.Signal(signal))
			victim.Wait()
			for end := time.Now().Add(10 * time.Second); ; <-time.After(50 * time.Millisecond) {
				left := users(t, dir)
				if _, err := os.Stat(dir); err == nil {
					left = append(left, dir)
				}
				if len(left) == 0 {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("left after 10 s: %v", left)
				}
			}
		})
	}
}

// users are the processes that name a directory on their command line or in their environment.
func users(t *testing.T, dir string) (found []string) {
	for _, pattern := range []string{"/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"} {
		names, err := filepath.Glob(pattern)
		must(t, err)
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), dir+"/") {
				found = append(found, name)
			}
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
