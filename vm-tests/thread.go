// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// errClosed says that something is to be started in a lab that is closed.
var errClosed = errors.New("the lab is closed")

// thread is an OS thread of its own. Two things of Linux hang on a thread and not on a process, and Go moves goroutines
// between threads: the network namespace, and PR_SET_PDEATHSIG, which kills a child when the *thread* that started it ends.
// So every child of a lab is started here, on a thread that lives until the lab is closed. When the process dies, whatever
// the reason, the kernel kills the children, and with the last of them the anonymous network namespace goes.
type thread struct {
	work chan func()
	end  chan struct{} // closed by stop
}

// newThread starts a thread; setup runs on it first (it may unshare a namespace).
func newThread(setup func() error) (*thread, error) {
	t := &thread{work: make(chan func()), end: make(chan struct{})}
	ready := make(chan error)
	go t.run(setup, ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return t, nil
}

func (t *thread) run(setup func() error, ready chan error) {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine, it is not given back with its namespace
	if unix.Gettid() == unix.Getpid() {
		// The first thread cannot end before the process, and /proc/PID/ns is its: leave it as it is, take another.
		go t.run(setup, ready)
		runtime.UnlockOSThread()
		return
	}
	err := setup()
	ready <- err
	if err != nil {
		return
	}
	for {
		select {
		case f := <-t.work:
			f()
		case <-t.end:
			return
		}
	}
}

// do runs f on the thread.
func (t *thread) do(f func() error) error {
	done := make(chan error)
	select {
	case t.work <- func() { done <- f() }:
		return <-done
	case <-t.end:
		return errClosed
	}
}

// stop ends the thread, and with it all children that still run.
func (t *thread) stop() { close(t.end) }

// start starts a child that dies with the thread. A session of its own keeps the terminal's interrupt away from it: the
// harness decides when it ends.
func (t *thread) start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return t.do(cmd.Start)
}
