// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// hashHexDigits is how much of a hash names a cached thing: enough against accidents, short enough to read.
const hashHexDigits = 16

// CacheDir is where kernels, modules, guest roots and the like are kept between runs, outside of the source tree.
func CacheDir() (string, error) {
	if dir := os.Getenv("PLEXUS_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache: %w; set PLEXUS_CACHE to a directory", err)
	}
	return filepath.Join(dir, "plexus"), nil
}

// cached returns the path of the named entry of the cache, which make fills if it is not there yet. Many processes may ask at
// once: one makes it, the others wait. An entry is whole or absent: make works in a place of its own that is renamed.
func cached(name string, make func(path string) error) (string, error) {
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	entry := filepath.Join(dir, name)
	if _, err := os.Lstat(entry); err == nil {
		return entry, nil
	}
	unlock, err := lockFile(entry + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Lstat(entry); err == nil {
		return entry, nil // another process has made it meanwhile
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	partial := entry + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := make(partial); err != nil {
		os.RemoveAll(partial)
		return "", fmt.Errorf("make %s: %w", name, err)
	}
	return entry, os.Rename(partial, entry)
}

// lockFile waits for an exclusive lock; the kernel drops it when its holder dies.
func lockFile(name string) (unlock func(), err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if err != unix.EINTR {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", name, err)
		}
	}
}

// hashOf names a value made of these parts.
func hashOf(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:", len(part))
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))[:hashHexDigits]
}

// hostCommand runs a program on this machine and returns what it printed; its error says what the program said.
func hostCommand(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("run %s: it is not installed; vm-tests/setup installs what the guests need", name)
	case err != nil:
		return "", fmt.Errorf("run %s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

func copyHostFile(from, to string, mode fs.FileMode) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return err
	}
	return target.Close()
}
