// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	replyBytesMin = 16 << 10
	replyBytesMax = 16 << 20
	// interruptEvery is how often a call is signalled to give up: a signal that comes before the call has begun to wait
	// is lost.
	interruptEvery = 10 * time.Millisecond
)

// call makes one ioctl, again with more room while the reply does not fit.
func (c *Control) call(op string, number uint, r request) (reply, error) {
	for room := replyBytesMin; ; room *= 2 {
		buf := r.encode(room)
		if errno := c.ioctl(number, buf); errno != 0 {
			return reply{}, &Error{Op: op, Name: r.name, UUID: r.uuid, Errno: errno}
		}
		got, err := parseReply(buf)
		if err != nil {
			return reply{}, fmt.Errorf("%s %s: %w", op, r.name, err)
		}
		if !got.truncated {
			return got, nil
		}
		if room >= replyBytesMax {
			return reply{}, fmt.Errorf("%s %s: the reply is longer than %d bytes", op, r.name, replyBytesMax)
		}
	}
}

// ioctl repeats a call that a stray signal ended: the driver undoes what it ends.
func (c *Control) ioctl(number uint, buf []byte) unix.Errno {
	for {
		errno := c.ioctlOnce(number, buf)
		if errno != unix.EINTR {
			return errno
		}
	}
}

func (c *Control) ioctlOnce(number uint, buf []byte) unix.Errno {
	raw, err := c.fd.SyscallConn()
	if err != nil {
		return unix.EBADF
	}
	errno := unix.EBADF
	// Control keeps the file open during the call.
	if err := raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, uintptr(number), uintptr(unsafe.Pointer(unsafe.SliceData(buf))))
	}); err != nil {
		return unix.EBADF
	}
	runtime.KeepAlive(buf)
	return errno
}

// callWaiting makes a call that waits for I/O, on a thread of its own, and ends it by a signal when ctx ends: the driver
// waits interruptibly and then undoes what it began.
func (c *Control) callWaiting(ctx context.Context, op string, number uint, r request) error {
	if err := armInterrupt(); err != nil {
		return fmt.Errorf("%s %s: arrange for an end: %w", op, r.name, err)
	}
	thread, result := make(chan int, 1), make(chan unix.Errno, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the call, so that a late signal meets nobody
		thread <- unix.Gettid()
		for {
			errno := c.ioctlOnce(number, r.encode(0))
			if errno != unix.EINTR || ctx.Err() != nil {
				result <- errno
				return
			}
		}
	}()
	errno := await(ctx, <-thread, result)
	if errno == 0 {
		return nil
	}
	err := error(&Error{Op: op, Name: r.name, UUID: r.uuid, Errno: errno})
	if errno == unix.EINTR {
		err = errors.Join(err, context.Cause(ctx))
	}
	return err
}

// await waits for the result of a call on another thread, and interrupts it from the end of ctx on.
func await(ctx context.Context, thread int, result <-chan unix.Errno) unix.Errno {
	select {
	case errno := <-result:
		return errno
	case <-ctx.Done():
	}
	again := time.NewTicker(interruptEvery)
	defer again.Stop()
	for {
		// An error means that the thread has ended, and so has the call.
		_ = interrupt(thread)
		select {
		case errno := <-result:
			return errno
		case <-again.C:
		}
	}
}
