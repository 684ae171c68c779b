// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plexus-cvm/plexus/vm-tests/cpio"
)

// guestKind says what the first process of a guest turns into; it is the value of the boot option plexus.guest.
type guestKind string

const (
	kernelGuest guestKind = "kernel"
	nodeGuest   guestKind = "node"
)

// File is put into a guest when it boots.
type File struct {
	Path string      // in the guest
	Mode os.FileMode // permission bits; 0 means 0644
	Data []byte
	Link string // if set the entry is a symbolic link to this
	Host string // if set the content is this file of the host
}

// modulePath is the import path of this project.
const modulePath = "github.com/plexus-cvm/plexus"

// SourceDir is the directory that go.mod lies in.
func SourceDir(ctx context.Context) (string, error) {
	out, err := hostCommand(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", modulePath)
	if err != nil {
		return "", fmt.Errorf("find the sources: %w; run inside of the source tree", err)
	}
	return strings.TrimSpace(out), nil
}

// Build compiles a main package of this project into a static binary at path.
func Build(ctx context.Context, pkg, path string, args ...string) error {
	dir, err := SourceDir(ctx)
	if err != nil {
		return err
	}
	args = append(append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", path}, args...), pkg)
	return goCommand(ctx, dir, args...)
}

// goCommand runs the go command for a guest: always without cgo.
func goCommand(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// baseInitramfs is the part that all guests of one kind and kernel share: the first process and the modules.
func baseInitramfs(ctx context.Context, k Kernel, kind guestKind, initBinary []byte) (string, error) {
	boot := bootModules[kind]
	wanted := slices.Clone(boot)
	if kind == kernelGuest {
		wanted = append(wanted, testModules...)
	}
	key := hashOf(initBinary, []byte(strings.Join(boot, " ")), []byte(strings.Join(wanted, " ")))
	return cached(fmt.Sprintf("initramfs-%s-%s-%s.cpio", kind, k.Release, key), func(path string) error {
		m, err := collectModules(ctx, k, wanted)
		if err != nil {
			return err
		}
		return writeInitramfs(path, func(w *cpio.Writer) {
			w.File("init", 0o755, initBinary)
			w.Symlink("sbin/modprobe", "/init")
			w.File("etc/modules", 0o644, []byte(strings.Join(boot, "\n")+"\n"))
			w.File("modules/dep", 0o644, []byte(m.dep))
			w.File("modules/alias", 0o644, []byte(m.alias))
			w.File("modules/builtin", 0o644, []byte(m.builtin))
			for _, name := range slices.Sorted(maps.Keys(m.files)) {
				w.File("modules/"+name+".ko", 0o644, m.files[name])
			}
		})
	})
}

func writeInitramfs(path string, fill func(*cpio.Writer)) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	w := cpio.NewWriter(file)
	fill(w)
	if err := w.Close(); err != nil {
		return err
	}
	return file.Close()
}

// joinInitramfs writes base followed by an archive of files: the kernel unpacks them one over the other.
func joinInitramfs(path, base, prefix string, files []File) error {
	if err := copyHostFile(base, path, 0o644); err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := archiveFiles(out, prefix, files); err != nil {
		return fmt.Errorf("put files into the guest: %w", err)
	}
	return out.Close()
}

func archiveFiles(out io.Writer, prefix string, files []File) error {
	w := cpio.NewWriter(out)
	for _, f := range files {
		name := filepath.Join(prefix, f.Path)
		if f.Link != "" {
			w.Symlink(name, f.Link)
			continue
		}
		data, mode := f.Data, f.Mode
		if f.Host != "" {
			var err error
			if data, err = os.ReadFile(f.Host); err != nil {
				return err
			}
		}
		if mode == 0 {
			mode = 0o644
		}
		w.File(name, uint32(mode.Perm()), data)
	}
	return w.Close()
}

// initBinary is the first process, compiled once in a process of the harness.
func initBinary(ctx context.Context, scratch string) ([]byte, error) {
	path := filepath.Join(scratch, "init")
	if err := Build(ctx, "./vm-tests/init", path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}
