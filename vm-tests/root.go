// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	rootImageSize    = "2G" // sparse: what a guest never writes takes no room
	debianKeyring    = "/usr/share/keyrings/debian-archive-keyring.gpg"
	moduleImageMakes = "2" // raised when moduleImage changes, so that cached images are made anew
)

// nodeRoot returns the image of a node's root file system: Debian from this machine's own sources, made by the provision
// script. It is made once for a text of that script and a list of sources, and used read-only by every guest.
func nodeRoot(ctx context.Context) (string, error) {
	source, err := SourceDir(ctx)
	if err != nil {
		return "", err
	}
	script := filepath.Join(source, "vm-tests", "provision")
	text, err := os.ReadFile(script)
	if err != nil {
		return "", err
	}
	sources, err := debianSources(ctx)
	if err != nil {
		return "", err
	}
	name := "root-" + hashOf(text, []byte(sources), []byte(rootImageSize)) + ".img"
	return cached(name, func(path string) error {
		dir := path + ".dir"
		defer os.RemoveAll(dir)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, script, "root", dir)
		cmd.Stdin = strings.NewReader(sources)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", script, err, out)
		}
		return makeImage(ctx, path, dir, rootImageSize)
	})
}

// debianSources lists the sources of this machine that are Debian's own, in apt's one-line form; there may be others.
func debianSources(ctx context.Context) (string, error) {
	signed := ""
	if _, err := os.Stat(debianKeyring); err == nil {
		signed = "[signed-by=" + debianKeyring + "] "
	}
	args := []string{"indextargets", "--format", "deb " + signed + "$(REPO_URI) $(RELEASE) $(COMPONENT)",
		"Origin: Debian", "Identifier: Packages", "Component: main"}
	for _, refresh := range []bool{false, true} {
		if refresh {
			if err := updateApt(ctx); err != nil {
				return "", err
			}
		}
		out, err := hostCommand(ctx, "", "apt-get", args...)
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(out) != "" {
			return out, nil
		}
	}
	return "", errors.New("apt of this machine has no sources of Debian; the nodes' root is made from them")
}

// moduleImage returns an image of a kernel's module tree, which a node mounts at /usr/lib/modules. The modules in it are not
// compressed: a guest under emulation would spend seconds of each boot on that.
func moduleImage(ctx context.Context, k Kernel) (string, error) {
	return cached("modules-"+k.Release+"-"+moduleImageMakes+".img", func(path string) error {
		dir := path + ".dir"
		defer os.RemoveAll(dir)
		tree := filepath.Join(dir, "lib", "modules")
		if err := os.MkdirAll(tree, 0o755); err != nil {
			return err
		}
		for _, argv := range [][]string{
			{"cp", "-a", k.Modules, tree},
			{"find", tree, "-name", "*.ko.xz", "-exec", "xz", "-d", "-T0", "{}", "+"},
			{depmod(), "-b", dir, k.Release},
		} {
			if _, err := hostCommand(ctx, "", argv[0], argv[1:]...); err != nil {
				return err
			}
		}
		return makeImage(ctx, path, tree, "1G")
	})
}

// makeImage makes an ext4 image of a directory. No journal: a guest mounts it read-only or throws its writes away.
func makeImage(ctx context.Context, path, dir, size string) error {
	return mkfs(ctx, path, size, "-O", "^has_journal", "-d", dir)
}

// makeStateDisk makes the empty disk that a node keeps /var/lib/plexus on. It has a journal: it must survive a power cut.
func makeStateDisk(ctx context.Context, path string) error { return mkfs(ctx, path, stateDiskSize) }

func mkfs(ctx context.Context, path, size string, args ...string) error {
	program := "mke2fs"
	for _, name := range []string{"/sbin/mke2fs", "/usr/sbin/mke2fs"} { // not in the PATH of everybody
		if _, err := os.Stat(name); err == nil {
			program = name
		}
	}
	args = append([]string{"-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1,lazy_journal_init=1"}, args...)
	_, err := hostCommand(ctx, "", program, append(args, path, size)...)
	return err
}
