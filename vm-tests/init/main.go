// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

func main() {
	var err error
	switch name := filepath.Base(os.Args[0]); {
	case os.Getpid() == 1:
		firstProcess()
	case name == "modprobe":
		err = modprobe(os.Args[1:])
	case len(os.Args) == 2 && os.Args[1] == "agent":
		err = serveAgent()
	default:
		err = fmt.Errorf("usage: init agent, or modprobe NAME [KEY=VALUE...]")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

// firstProcess never returns: the kernel would panic. What goes wrong is said on the console, then the machine powers off.
func firstProcess() {
	os.Setenv("PATH", "/sbin:/bin:/usr/sbin:/usr/bin")
	err := mountKernelFilesystems()
	if err == nil {
		err = loadBootModules()
	}
	if err == nil {
		switch guest := bootOption("plexus.guest"); guest {
		case "node":
			err = enterNode()
		default:
			err = runKernelGuest()
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "init: %v\n", err)
	}
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

// bootOption is the value of KEY=VALUE on the kernel's command line, empty if it is not there.
func bootOption(key string) string {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return ""
	}
	for _, word := range strings.Fields(string(line)) {
		if value, ok := strings.CutPrefix(word, key+"="); ok {
			return value
		}
	}
	return ""
}
