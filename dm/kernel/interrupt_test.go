// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A read that waits for a pipe would be restarted after a signal whose handler has SA_RESTART.
func TestInterruptEndsACallThatWouldBeRestarted(t *testing.T) {
	if err := armInterrupt(); err != nil {
		t.Fatal(err)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pipe[0])
	defer unix.Close(pipe[1])
	thread, result := make(chan int, 1), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		_, err := unix.Read(pipe[0], make([]byte, 1))
		result <- err
	}()
	tid, tick := <-thread, time.NewTicker(interruptEvery)
	defer tick.Stop()
	for limit := time.After(10 * time.Second); ; {
		select {
		case err := <-result:
			if err != unix.EINTR {
				t.Errorf("read ended with %v", err)
			}
			return
		case <-limit:
			t.Error("the read goes on")
			unix.Write(pipe[1], []byte{0})
			return
		case <-tick.C:
			if err := interrupt(tid); err != nil {
				t.Fatal(err)
			}
		}
	}
}
