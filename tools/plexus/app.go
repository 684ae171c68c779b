// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	clusterd "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/tools/plexus/report"
)

// app is what all verbs share: the terminal and the flags that they have in common.
type app struct {
	in     *os.File
	out    io.Writer
	err    io.Writer
	output output
	runDir string
}

func (a *app) configd() api.Configd { return api.Dial(filepath.Join(a.runDir, "configd.sock")) }

func (a *app) clusterd() clusterd.Clusterd {
	return clusterd.Dial(filepath.Join(a.runDir, "clusterd.sock"))
}

// output is the value of -o.
type output struct{ json bool }

func (o *output) Type() string { return "format" }

func (o *output) String() string {
	if o.json {
		return "json"
	}
	return "table"
}

func (o *output) Set(s string) error {
	switch s {
	case "json", "table":
		o.json = s == "json"
		return nil
	}
	return fmt.Errorf("%q is neither table nor json", s)
}

// print prints an answer: as JSON, or for people by the function.
func (a *app) print(answer any, people func(w io.Writer) error) error {
	if !a.output.json {
		return people(a.out)
	}
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(answer)
}

// table prints one table for people; empty says what to print instead of no rows.
func (a *app) table(answer any, t *report.Table, empty string) error {
	return a.print(answer, func(w io.Writer) error {
		if t.Len() == 0 {
			_, err := fmt.Fprintln(a.err, "plexus: "+empty)
			return err
		}
		return t.Write(w, 0)
	})
}

// changed prints what became of a change: `create volume data/vol1`, `created`.
func (a *app) changed(c api.Change, verb, object, done string) error {
	return a.print(c, func(w io.Writer) error {
		if !c.DryRun {
			_, err := fmt.Fprintf(w, "%s %s; group %s is at version %d\n", object, done, c.Group, c.Version)
			return err
		}
		fmt.Fprintf(w, "%s %s would make version %d of group %s:\n", verb, object, c.Version, c.Group)
		for _, step := range c.Plan {
			fmt.Fprintf(w, "  %s\n", step)
		}
		return nil
	})
}

// confirm asks on the terminal. Off a terminal nobody can answer.
func (a *app) confirm(c *cobra.Command, yes bool, question string) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(int(a.in.Fd())) {
		return misuse(c, "%s: this wants an answer, and standard input is no terminal: give -y", question)
	}
	fmt.Fprintf(a.err, "plexus: %s? [y/N] ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
		return fmt.Errorf("%s: answered no, nothing has changed", question)
	}
	return nil
}
