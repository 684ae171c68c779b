// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	scratchPrefix = "plexus-vm-"
	scratchLock   = "lock" // held by the owner of a scratch directory as long as it lives
	logDirName    = "log"  // what is kept on failure
)

// scratch is the directory of one lab or guest: disks, consoles. It goes when the lab is closed, and also when this process
// dies without a word: a small process waits for that and removes it. (What dies with the reaper too, in a power cut of the
// host, is swept by the next start.)
type scratch struct {
	dir    string
	lock   *os.File
	reaper *exec.Cmd
	leash  *os.File // its closing tells the reaper that the owner is gone
}

func newScratch() (*scratch, error) {
	if err := Sweep(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", scratchPrefix, os.Getpid()))
	if err != nil {
		return nil, fmt.Errorf("make the scratch directory: %w", err)
	}
	s := &scratch{dir: dir}
	if err := s.guard(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("guard the scratch directory: %w", err)
	}
	return s, os.Mkdir(filepath.Join(dir, logDirName), 0o755)
}

// guard takes the lock and starts the reaper.
func (s *scratch) guard() (err error) {
	if s.lock, err = os.OpenFile(filepath.Join(s.dir, scratchLock), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	if err := unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	end, leash, err := os.Pipe()
	if err != nil {
		return err
	}
	defer end.Close()
	s.leash = leash
	// xargs runs rm when its standard input ends: when this process closes the leash, or is no more.
	s.reaper = exec.Command("xargs", "-0", "rm", "-rf", "--")
	s.reaper.Stdin = end
	s.reaper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := s.reaper.Start(); err != nil {
		return err
	}
	_, err = leash.WriteString(s.dir + "\x00")
	return err
}

// path names a file of the directory.
func (s *scratch) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// logPath names a file that is kept on failure.
func (s *scratch) logPath(name string) string { return s.path(logDirName, name) }

// keep copies the logs to a directory that stays, and returns its name.
func (s *scratch) keep() (string, error) {
	root := os.Getenv("PLEXUS_VM_LOGS")
	if root == "" {
		cache, err := CacheDir()
		if err != nil {
			return "", err
		}
		root = filepath.Join(cache, "logs")
	}
	to := filepath.Join(root, strings.TrimPrefix(filepath.Base(s.dir), scratchPrefix))
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(s.path(logDirName))
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if err := copyHostFile(s.logPath(e.Name()), filepath.Join(to, e.Name()), 0o644); err != nil {
			return "", err
		}
	}
	return to, nil
}

// remove ends the reaper, which takes the directory with it.
func (s *scratch) remove() error {
	s.leash.Close()
	err := s.reaper.Wait()
	s.lock.Close()
	return err
}

// Sweep removes what labs of dead processes have left behind. It is called by every start.
func Sweep() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := sweepOne(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweep %s: %w", dir, err)
		}
	}
	return nil
}

// sweepOne removes a directory whose owner is dead: its lock is free.
func sweepOne(dir string) error {
	lock, err := os.OpenFile(filepath.Join(dir, scratchLock), os.O_RDWR, 0)
	if err != nil {
		return err // just being made, or just being removed
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil // its owner lives
	}
	if err := killUsersOf(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// killUsersOf ends the guests and targets whose files lie in dir. The kernel has killed them with their owner already; this
// is for one that was being started at that moment.
func killUsersOf(dir string) error {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, name := range lines {
		line, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(line), dir+"/") {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(name, "/proc/%d/", &pid); err == nil && pid != os.Getpid() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	return nil
}
