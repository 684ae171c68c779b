// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"strings"
	"testing"
)

func TestResultsOfATestProgramAreToldApart(t *testing.T) {
	const mark = "\x16" // what test2json wants before the framework's lines
	output := mark + "=== RUN   TestA\n" + mark + "=== RUN   TestA/sub/x\n" + "    a_test.go:3: no device\n" +
		mark + "--- SKIP: TestA/sub/x (0.00s)\n" + mark + "=== NAME  TestA\n" + mark + "--- PASS: TestA (0.00s)\n" +
		mark + "=== RUN   TestB\n" + "half a word\n" + mark + "--- FAIL: TestB (0.00s)\npanic: oh\n"
	top, _, err := parseTestOutput(t.Context(), []byte(output))
	if err != nil {
		t.Fatal(err)
	}
	if len(top) != 2 || top[0].name != "TestA" || top[0].outcome != "pass" {
		t.Fatalf("got %d tests, want TestA passed and TestB", len(top))
	}
	if len(top[0].parts) != 1 || top[0].parts[0].outcome != "skip" || !strings.Contains(top[0].parts[0].output.String(), "no device") {
		t.Errorf("the skipped sub-test and its reason are lost: %+v", top[0].parts)
	}
	if b := top[1]; b.outcome == "pass" || !strings.Contains(b.output.String(), "half a word") {
		t.Errorf("TestB %q with %q, want one that did not pass, with its words", b.outcome, b.output.String())
	}
}

func TestParentIsTheLongestKnownName(t *testing.T) {
	known := map[string]*testResult{"A": {name: "A"}, "A/b": {name: "A/b"}}
	for name, want := range map[string]string{"A/b/c": "A/b", "A/x/y": "A", "A/b": "A"} {
		if got := parentOf(known, name); got == nil || got.name != want {
			t.Errorf("parent of %s is %v, want %s", name, got, want)
		}
	}
	if got := parentOf(known, "B/c"); got != nil {
		t.Errorf("parent of B/c is %v, want none", got)
	}
}

func TestTroubleInAKernelLogIsFound(t *testing.T) {
	if bad := troubleIn("<6>[ 1.0] sd 0:0:0:0: all is well\n<4>[ 1.1] warning: mild\n"); bad != "" {
		t.Errorf("found %q in a clean log", bad)
	}
	for _, line := range []string{
		"<4>[ 2.0] WARNING: CPU: 0 PID: 1 at fs/inode.c:1\n", "<1>[ 2.0] BUG: kernel NULL pointer dereference\n",
		"<3>[ 242.1] INFO: task dd:77 blocked for more than 120 seconds.\n",
	} {
		if troubleIn("<6>[ 1.0] fine\n"+line) == "" {
			t.Errorf("missed %q", line)
		}
	}
}
