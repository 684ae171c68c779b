// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/plexus-cvm/plexus/vm-tests/agent"
)

// kernelTrouble are the words with which a kernel says that something is wrong with itself.
var kernelTrouble = regexp.MustCompile(`WARNING: |BUG: |BUG at|Oops|general protection fault|Kernel panic|` +
	`INFO: task .* blocked for more than|possible recursive locking|refcount_t:|Bad page state|unable to handle`)

// KernelLog returns the kernel's log buffer.
func (g *Guest) KernelLog(ctx context.Context) (string, error) {
	p, err := g.running("read the kernel log of")
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	call, err := p.agent.Start(ctx, agent.Request{KernelLog: true}, nil, &b, nil)
	if err != nil {
		return "", fmt.Errorf("%s: read the kernel log: %w", g.name, err)
	}
	exit, err := call.Wait(ctx)
	if err == nil && !exit.Ok() {
		err = fmt.Errorf("%s: %s", g.name, exit)
	}
	if err != nil {
		return "", err
	}
	return b.String(), nil
}

// CheckKernelLog returns an error with the lines in which the kernel complains of itself: WARN, BUG, Oops, a hung task.
func (g *Guest) CheckKernelLog(ctx context.Context) error {
	log, err := g.KernelLog(ctx)
	if err != nil {
		return err
	}
	if bad := troubleIn(log); bad != "" {
		return fmt.Errorf("%s: its kernel complains:\n%s", g.name, bad)
	}
	return nil
}

// linesAfterTrouble are shown with each line of trouble: the registers and the call trace.
const linesAfterTrouble = 25

func troubleIn(log string) string {
	var b strings.Builder
	show := 0
	for line := range strings.Lines(log) {
		if kernelTrouble.MatchString(line) {
			show = linesAfterTrouble
		}
		if show > 0 {
			b.WriteString(line)
			show--
		}
	}
	return b.String()
}
