// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// interruptSignal ends a system call that waits. It must be one whose handler lets the call end: the driver asks for its
// wait to be restarted after a signal (ERESTARTSYS), and the Go runtime installs all of its handlers with SA_RESTART, so
// with any other signal the wait would simply begin anew. This is the last real-time signal, to which the runtime does
// nothing but look whether somebody wants to be notified.
const interruptSignal = unix.Signal(64)

const (
	sigactionBytes = 64 // more than struct sigaction of the kernel has on any machine
	offSigFlags    = 8  // sa_flags come after the handler's address on 64-bit machines
	saRestart      = 0x10000000
	sigsetBytes    = 8
)

// armInterrupt takes SA_RESTART from the handler of interruptSignal and leaves the rest of it to the runtime.
func armInterrupt() error {
	var act [sigactionBytes]byte
	if err := sigaction(nil, &act); err != nil {
		return err
	}
	flags := order.Uint64(act[offSigFlags:])
	if flags&saRestart == 0 {
		return nil
	}
	order.PutUint64(act[offSigFlags:], flags&^saRestart)
	return sigaction(&act, nil)
}

func sigaction(now, old *[sigactionBytes]byte) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(interruptSignal), uintptr(unsafe.Pointer(now)),
		uintptr(unsafe.Pointer(old)), sigsetBytes, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// interrupt ends the system call that a thread of this process is in, if the call can be ended.
func interrupt(thread int) error { return unix.Tgkill(unix.Getpid(), thread, interruptSignal) }
