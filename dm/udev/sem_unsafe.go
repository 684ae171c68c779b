// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sembuf is struct sembuf of linux/sem.h.
type sembuf struct {
	num uint16
	op  int16
	flg int16
}

const (
	semSetVal   = 16 // SETVAL
	semGetVal   = 12 // GETVAL
	semRemove   = 0  // IPC_RMID
	semCreate   = 0o1000
	semExcl     = 0o2000
	semNoWait   = 0o4000
	semMode     = 0o600
	semaphoreNo = 0 // a set has one
)

// semaphore is a System V semaphore. x/sys/unix has no calls for them.
type semaphore int

// newSemaphore makes one with the value 1 under a key that nobody has.
func newSemaphore(key uint32) (semaphore, error) {
	id, _, errno := unix.Syscall(unix.SYS_SEMGET, uintptr(key), 1, semCreate|semExcl|semMode)
	if errno != 0 {
		return 0, errno
	}
	s := semaphore(id)
	if _, _, errno := unix.Syscall6(unix.SYS_SEMCTL, uintptr(s), semaphoreNo, semSetVal, 1, 0, 0); errno != 0 {
		s.remove()
		return 0, errno
	}
	return s, nil
}

// add changes the value by n without waiting.
func (s semaphore) add(n int16) error {
	return s.operate(sembuf{num: semaphoreNo, op: n, flg: semNoWait}, 0)
}

// awaitZero returns nil when the value is zero, EAGAIN when it was not within the limit.
func (s semaphore) awaitZero(limit time.Duration) error {
	return s.operate(sembuf{num: semaphoreNo}, limit)
}

func (s semaphore) operate(op sembuf, limit time.Duration) error {
	at := unix.NsecToTimespec(int64(limit))
	_, _, errno := unix.Syscall6(unix.SYS_SEMTIMEDOP, uintptr(s), uintptr(unsafe.Pointer(&op)), 1,
		uintptr(unsafe.Pointer(&at)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func (s semaphore) value() (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_SEMCTL, uintptr(s), semaphoreNo, semGetVal, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (s semaphore) remove() {
	// Nothing to be done about an error: it is gone, or it stays for `dmsetup udevcomplete_all`.
	_, _, _ = unix.Syscall6(unix.SYS_SEMCTL, uintptr(s), semaphoreNo, semRemove, 0, 0, 0)
}
