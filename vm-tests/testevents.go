// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
)

// testResult is what one test of a test program did.
type testResult struct {
	name    string
	outcome string // pass, fail, skip; empty for one that never ended
	output  strings.Builder
	parts   []*testResult // its sub-tests
}

// testEventBytesMax bounds one line of test2json.
const testEventBytesMax = 1 << 20

// parseTestOutput turns what a program printed under -test.v=test2json into results; rest is what belongs to no test.
func parseTestOutput(ctx context.Context, output []byte) (top []*testResult, rest string, err error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json")
	cmd.Stdin = bytes.NewReader(output)
	events, err := cmd.Output()
	if err != nil {
		return nil, "", fmt.Errorf("go tool test2json: %w", err)
	}
	var others strings.Builder
	known := map[string]*testResult{}
	scan := bufio.NewScanner(bytes.NewReader(events))
	scan.Buffer(nil, testEventBytesMax)
	for scan.Scan() {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal(scan.Bytes(), &e); err != nil {
			return nil, "", fmt.Errorf("read test events: %w", err)
		}
		if e.Test == "" {
			others.WriteString(e.Output)
			continue
		}
		r := known[e.Test]
		if r == nil {
			r = &testResult{name: e.Test}
			known[e.Test] = r
			if parent := parentOf(known, e.Test); parent != nil {
				parent.parts = append(parent.parts, r)
			} else {
				top = append(top, r)
			}
		}
		switch e.Action {
		case "output":
			if !isFrame(e.Output) {
				r.output.WriteString(e.Output)
			}
		case "pass", "fail", "skip":
			r.outcome = e.Action
		}
	}
	return top, others.String(), scan.Err()
}

// isFrame says whether a line is the test framework's own, which the reporting test prints again by itself.
func isFrame(line string) bool {
	line = strings.TrimSpace(line)
	for _, mark := range []string{"=== ", "--- PASS: ", "--- FAIL: ", "--- SKIP: "} {
		if strings.HasPrefix(line, mark) {
			return true
		}
	}
	return false
}

// parentOf finds the test that a sub-test belongs to: the known name that is the longest part of its own. (A slash may also
// stand within the name of one test.)
func parentOf(known map[string]*testResult, name string) *testResult {
	for i := strings.LastIndex(name, "/"); i > 0; i = strings.LastIndex(name[:i], "/") {
		if r := known[name[:i]]; r != nil {
			return r
		}
	}
	return nil
}
