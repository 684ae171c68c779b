// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// graceTime is how long an interrupted stage may take to clean up before it is killed.
const graceTime = 20 * time.Second

// command runs argv in a process group of its own and gives its standard output and error, merged, to read. When ctx
// ends, the group gets SIGINT and after grace SIGKILL. After it returned nothing of the group runs any more.
func command(ctx context.Context, argv, env []string, grace time.Duration, read func(io.Reader) error) error {
	out, in, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer out.Close()
	c := exec.Command(argv[0], argv[1:]...)
	c.Stdout, c.Stderr = in, in
	c.Env = append(os.Environ(), env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = c.Start()
	in.Close()
	if err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	group := -c.Process.Pid
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	readDone := make(chan error, 1)
	go func() {
		err := read(out)
		_, _ = io.Copy(io.Discard, out) // a reader that gave up must not leave the command stuck on a full pipe
		readDone <- err
	}()

	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = syscall.Kill(group, syscall.SIGINT)
		select {
		case err = <-ended:
		case <-time.After(grace):
			_ = syscall.Kill(group, syscall.SIGKILL)
			err = <-ended
		}
	}
	// Whatever the command left behind would hold the pipe open, and must not outlive its stage.
	_ = syscall.Kill(group, syscall.SIGKILL)
	readErr := <-readDone
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	return readErr
}
