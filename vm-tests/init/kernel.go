// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/vm-tests/agent"
)

// portName is the virtio-serial port of the agent; the harness gives it this name.
const portName = "plexus.agent"

// portWait bounds how long the port may take to appear.
const portWait = 20 * time.Second

// runKernelGuest serves the agent until the harness closes the stream.
func runKernelGuest() error {
	if err := mountAll(testMounts); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	os.Setenv("HOME", "/tmp")
	return serveAgent()
}

func serveAgent() error {
	port, err := openPort()
	if err != nil {
		return err
	}
	defer port.Close()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	hello := agent.Hello{Release: unix.ByteSliceToString(name.Release[:]), Boot: strings.TrimSpace(string(boot))}
	return agent.Serve(port, hello)
}

// openPort finds the port by its name: its device number depends on what else the guest has.
func openPort() (*os.File, error) {
	for end := time.Now().Add(portWait); ; time.Sleep(20 * time.Millisecond) {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err == nil && strings.TrimSpace(string(text)) == portName {
				return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(name)), os.O_RDWR, 0)
			}
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("open port %s: none of that name after %v; is virtio_console loaded?", portName, portWait)
		}
	}
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}
