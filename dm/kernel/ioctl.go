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
// waits interruptibly and then undoes what it began. The signal is the one that the Go runtime uses among its own threads,
// which does nothing to one inside a system call but interrupt it.
func (c *Control) callWaiting(ctx context.Context, op string, number uint, r request) error {
	thread, result := make(chan int, 1), make(chan unix.Errno, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		thread <- unix.Gettid()
		for {
			errno := c.ioctlOnce(number, r.encode(0))
			if errno != unix.EINTR || ctx.Err() != nil {
				result <- errno
				return
			}
		}
	}()
	errno, ok := unix.Errno(0), false
	select {
	case errno = <-result:
		ok = true
	case <-ctx.Done():
	}
	for tid := <-thread; !ok; {
		// An error means that the thread has ended, and so has the call.
		_ = unix.Tgkill(unix.Getpid(), tid, unix.SIGURG)
		select {
		case errno = <-result:
			ok = true
		case <-time.After(interruptEvery):
		}
	}
	if errno == 0 {
		return nil
	}
	err := error(&Error{Op: op, Name: r.name, UUID: r.uuid, Errno: errno})
	if errno == unix.EINTR {
		err = errors.Join(err, context.Cause(ctx))
	}
	return err
}
