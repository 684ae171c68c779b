// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/plexus-cvm/plexus/vm-tests/agent"
)

// ExitError is the error of a command that ran in a guest and did not end well.
type ExitError struct {
	Guest  string
	Argv   []string
	Exit   agent.Exit
	Stdout string // only where Run collected it
	Stderr string
}

func (e *ExitError) Error() string {
	said := strings.TrimSpace(e.Stderr)
	if said == "" {
		said = strings.TrimSpace(e.Stdout)
	}
	text := fmt.Sprintf("%s: %s: %s", e.Guest, strings.Join(e.Argv, " "), e.Exit)
	if said != "" {
		text += ": " + said
	}
	return text
}

// Code is the exit code, -1 for a command that did not start or was ended by a signal.
func (e *ExitError) Code() int { return e.Exit.Code }

// Cmd is a command in a guest, in the manner of os/exec. Set the fields before Start.
type Cmd struct {
	Argv           []string
	Env            []string // added to the agent's own
	Dir            string
	Stdin          io.Reader
	Stdout, Stderr io.Writer // called from one goroutine; must not block

	guest *Guest
	call  *agent.Call
}

// Command prepares a command; its program is looked up in the guest's PATH.
func (g *Guest) Command(argv ...string) *Cmd { return &Cmd{Argv: argv, guest: g} }

// Start starts the command and does not wait for it.
func (c *Cmd) Start(ctx context.Context) error {
	p, err := c.guest.running("run a command on")
	if err != nil {
		return err
	}
	c.call, err = p.agent.Start(ctx, agent.Request{Argv: c.Argv, Env: c.Env, Dir: c.Dir}, c.Stdin, c.Stdout, c.Stderr)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.guest.name, strings.Join(c.Argv, " "), err)
	}
	return nil
}

// Wait returns when the command has ended: nil for exit code 0, else an *ExitError. When ctx ends first the command is killed
// and ctx's error returned at once, whether or not the guest can be reached.
func (c *Cmd) Wait(ctx context.Context) error {
	exit, err := c.call.Wait(ctx)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.guest.name, strings.Join(c.Argv, " "), err)
	}
	if !exit.Ok() {
		return &ExitError{Guest: c.guest.name, Argv: c.Argv, Exit: exit}
	}
	return nil
}

// Done is closed when the command has ended.
func (c *Cmd) Done() <-chan struct{} { return c.call.Done() }

// Signal sends a signal to the command's process group.
func (c *Cmd) Signal(ctx context.Context, s syscall.Signal) error { return c.call.Signal(ctx, s) }

// Run runs a command to its end and returns its standard output, also beside an error.
func (g *Guest) Run(ctx context.Context, argv ...string) (string, error) {
	return g.Feed(ctx, nil, argv...)
}

// Shell runs a shell script of a node guest, which stops at its first failing command.
func (g *Guest) Shell(ctx context.Context, script string) (string, error) {
	return g.Run(ctx, "/bin/sh", "-ec", script)
}

// Feed is Run with standard input.
func (g *Guest) Feed(ctx context.Context, stdin io.Reader, argv ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := g.Command(argv...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Start(ctx)
	if err != nil {
		return "", err
	}
	err = cmd.Wait(ctx)
	if ctx.Err() != nil {
		return "", err // the buffers may still be written to
	}
	if e, ok := err.(*ExitError); ok {
		e.Stdout, e.Stderr = stdout.String(), stderr.String()
	}
	return stdout.String(), err
}

// Put writes a file in the guest, whole or not at all; directories above it are made.
func (g *Guest) Put(ctx context.Context, path string, mode os.FileMode, data io.Reader) error {
	return g.transfer(ctx, agent.Request{Put: path, Mode: uint32(mode.Perm())}, data, nil)
}

// PutHostFile copies a file of this machine into the guest.
func (g *Guest) PutHostFile(ctx context.Context, host, path string, mode os.FileMode) error {
	file, err := os.Open(host)
	if err != nil {
		return err
	}
	defer file.Close()
	return g.Put(ctx, path, mode, file)
}

// Get returns the content of a file in the guest.
func (g *Guest) Get(ctx context.Context, path string) ([]byte, error) {
	var b bytes.Buffer
	if err := g.transfer(ctx, agent.Request{Get: path}, nil, &b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (g *Guest) transfer(ctx context.Context, r agent.Request, in io.Reader, out io.Writer) error {
	what := "put " + r.Put
	if r.Get != "" {
		what = "get " + r.Get
	}
	p, err := g.running(what + " on")
	if err != nil {
		return err
	}
	call, err := p.agent.Start(ctx, r, in, out, nil)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", g.name, what, err)
	}
	exit, err := call.Wait(ctx)
	if err == nil && !exit.Ok() {
		err = &ExitError{Guest: g.name, Argv: strings.Fields(what), Exit: exit}
	}
	return err
}
