// SPDX-License-Identifier: Apache-2.0

package main

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/pflag"
)

//go:embed *.mutant
var files embed.FS

const seedsDefault = 600

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	f := pflag.NewFlagSet("mutants", pflag.ContinueOnError)
	f.SetOutput(stderr)
	seeds := f.Uint64("seeds", seedsDefault, "seeds within which a mutant must be caught")
	jobs := f.Int("jobs", runtime.NumCPU(), "mutants to try side by side")
	only := f.String("run", "", "only mutants whose name contains this")
	if err := f.Parse(args); err != nil {
		fmt.Fprintf(stderr, "mutants: %v\n", err)
		return 3
	}
	list, err := load(*only)
	if err != nil {
		fmt.Fprintf(stderr, "mutants: %v\n", err)
		return 1
	}
	caught := 0
	for r := range tryAll(list, *seeds, *jobs) {
		if r.err != nil {
			fmt.Fprintf(stderr, "mutants: %v\n", r.err)
			return 1
		}
		if r.how == "" {
			fmt.Fprintf(stdout, "%-28s NOT CAUGHT in %d seeds: %s\n", r.name, *seeds, r.about)
			continue
		}
		caught++
		fmt.Fprintf(stdout, "%-28s caught: %s\n", r.name, r.how)
	}
	fmt.Fprintf(stdout, "%d of %d mutants caught\n", caught, len(list))
	if caught < len(list) {
		return 1
	}
	return 0
}

// result is what became of a mutant.
type result struct {
	mutant
	how string // the violation; empty: none
	err error
}

// tryAll tries the mutants, some side by side, and gives the results in their order. All share the build cache: of each
// only what it changes is compiled.
func tryAll(list []mutant, seeds uint64, jobs int) <-chan result {
	free := make(chan struct{}, max(1, jobs))
	each := make([]chan result, len(list))
	for i, m := range list {
		each[i] = make(chan result, 1)
		go func() {
			free <- struct{}{}
			defer func() { <-free }()
			how, err := try(m, seeds)
			each[i] <- result{m, how, err}
		}()
	}
	all := make(chan result)
	go func() {
		defer close(all)
		for _, one := range each {
			all <- <-one
		}
	}()
	return all
}

func load(only string) ([]mutant, error) {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var list []mutant
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".mutant")
		if !strings.Contains(name, only) {
			continue
		}
		b, err := files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		m, err := parse(name, string(b))
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("no mutant is named like %q", only)
	}
	return list, nil
}

// try builds the simulator with the mutant in it and runs it; it returns the violation, or nothing.
func try(m mutant, seeds uint64) (string, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	overlay, err := write(m, dir)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "sim")
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", bin, "./tools/sim").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build mutant %s: %w\n%s", m.name, err, out)
	}
	out, err := exec.Command(bin, fmt.Sprintf("--seeds=%d", seeds), "--stop").CombinedOutput()
	exit := new(exec.ExitError)
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return "", fmt.Errorf("run mutant %s: %w\n%s", m.name, err, out)
	}
	for l := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(l, "violation "); ok {
			return strings.TrimSpace(v), nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("run mutant %s: failed without a violation\n%s", m.name, out)
	}
	return "", nil
}

// write puts the changed files and the overlay that names them into dir.
func write(m mutant, dir string) (string, error) {
	changed, err := m.apply(func(name string) (string, error) {
		b, err := os.ReadFile(name)
		return string(b), err
	})
	if err != nil {
		return "", err
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range changed {
		abs, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[abs] = to
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o600)
}
