// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// The harness lays out a guest's modules flat: /modules/NAME.ko, their dependencies in /modules/dep ("name: first then"),
// other names in /modules/alias ("pattern name"), built-in ones in /modules/builtin, what to load at boot in /etc/modules.
const (
	moduleDir   = "/modules"
	bootModules = "/etc/modules"
)

// loadBootModules loads what /etc/modules names, a line each: NAME KEY=VALUE...
func loadBootModules() error {
	lines, err := readLines(bootModules)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if words := strings.Fields(line); len(words) > 0 {
			if err := loadModule(words[0], words[1:]); err != nil {
				return err
			}
		}
	}
	return nil
}

// modprobe is the command: flags of the real one are taken and have no effect.
func modprobe(args []string) error {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		args = args[1:]
	}
	if len(args) == 0 {
		return errors.New("usage: modprobe NAME [KEY=VALUE...]")
	}
	return loadModule(args[0], args[1:])
}

func loadModule(name string, parameters []string) error {
	name, err := resolve(name)
	if err != nil {
		return err
	}
	deps, err := readLines(path.Join(moduleDir, "dep"))
	if err != nil {
		return err
	}
	for _, line := range deps {
		module, needs, _ := strings.Cut(line, ":")
		if module != name {
			continue
		}
		for _, need := range strings.Fields(needs) {
			if err := insert(need, ""); err != nil {
				return err
			}
		}
		return insert(name, strings.Join(parameters, " "))
	}
	if builtin, _ := readLines(path.Join(moduleDir, "builtin")); contains(builtin, name) {
		return nil
	}
	return fmt.Errorf("load module %s: it is not among the modules put into this guest", name)
}

// resolve turns an alias such as char-major-10-236 into the module's name.
func resolve(name string) (string, error) {
	aliases, err := readLines(path.Join(moduleDir, "alias"))
	if err != nil {
		return "", err
	}
	for _, line := range aliases {
		pattern, module, _ := strings.Cut(line, " ")
		if ok, _ := path.Match(pattern, name); ok {
			return module, nil
		}
	}
	return strings.ReplaceAll(name, "-", "_"), nil
}

func insert(name, parameters string) error {
	file, err := os.Open(path.Join(moduleDir, name+".ko"))
	if err != nil {
		return fmt.Errorf("load module %s: %w", name, err)
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), parameters, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load module %s %s: %w", name, parameters, err)
	}
	return nil
}

func readLines(name string) ([]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var lines []string
	for scan := bufio.NewScanner(file); scan.Scan(); {
		lines = append(lines, scan.Text())
	}
	return lines, nil
}

func contains(list []string, name string) bool {
	for _, s := range list {
		if s == name {
			return true
		}
	}
	return false
}
