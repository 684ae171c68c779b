// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"

	"github.com/plexus-cvm/plexus/tools/sim/world"
)

// totals is the end of a run: what was covered, and the last line.
type totals struct {
	Seeds, Steps, Violations int
	Covered                  world.Coverage
}

func (t *totals) add(u totals) {
	t.Covered.Add(u.Covered)
	t.Seeds, t.Steps, t.Violations = t.Seeds+u.Seeds, t.Steps+u.Steps, t.Violations+u.Violations
}

func (t totals) String() string {
	return fmt.Sprintf("%d seeds, %d steps, %d violations", t.Seeds, t.Steps, t.Violations)
}

func parseTotals(s string) (t totals, ok bool) {
	n, err := fmt.Sscanf(s, "%d seeds, %d steps, %d violations", &t.Seeds, &t.Steps, &t.Violations)
	return t, err == nil && n == 3
}

// share runs this command in several processes, each with every n-th seed, and adds up their last lines.
func share(o options, stdout, stderr io.Writer) (totals, error) {
	self, err := os.Executable()
	if err != nil {
		return totals{}, fmt.Errorf("find this program: %w", err)
	}
	jobs := min(uint64(o.jobs), o.seeds)
	var (
		wait sync.WaitGroup
		lock sync.Mutex // over all below
		sum  totals
		bad  error
	)
	for i := range jobs {
		cmd := exec.Command(self, "--jobs=1", "--stride="+strconv.FormatUint(jobs, 10),
			"--first="+strconv.FormatUint(o.first+i, 10), "--seeds="+strconv.FormatUint(o.seeds-i, 10),
			"--nodes="+strconv.Itoa(o.nodes), "--steps="+strconv.Itoa(o.steps))
		cmd.Stderr = stderr
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			return totals{}, fmt.Errorf("share seeds: %w", err)
		}
		if err := cmd.Start(); err != nil {
			return totals{}, fmt.Errorf("share seeds: %w", err)
		}
		wait.Go(func() {
			t, last := copyLines(pipe, func(s string) {
				lock.Lock()
				defer lock.Unlock()
				fmt.Fprintln(stdout, s)
			})
			err := cmd.Wait()
			lock.Lock()
			defer lock.Unlock()
			if t.Seeds == 0 {
				bad = fmt.Errorf("a process ended without its totals: %v: %s", err, last)
			}
			sum.add(t)
		})
	}
	wait.Wait()
	return sum, bad
}

// copyLines passes on what a process says, a violation with its trace at once, and returns its totals and the last line.
func copyLines(r io.Reader, print func(string)) (sum totals, last string) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	block := []string{}
	for lines.Scan() {
		last = lines.Text()
		if t, ok := parseTotals(last); ok {
			t.Covered = sum.Covered
			sum = t
			continue
		}
		if c, ok := world.ParseCoverage(last); ok {
			sum.Covered = c
			continue
		}
		block = append(block, last)
		if strings.HasPrefix(last, "repeat: ") || strings.HasPrefix(last, "seed ") {
			print(strings.Join(block, "\n"))
			block = nil
		}
	}
	return sum, last
}
