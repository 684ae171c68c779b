// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	clusterd "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/configd/api"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"plexus": main})
}

// TestScripts runs the command as a user does, against fakes of the daemons behind real unix sockets. Set
// UPDATE_SCRIPTS=1 to write what the command prints into the scripts, then read the difference.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv(runDirVariable, e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"waitfor": waitfor,
			"configd": func(ts *testscript.TestScript, _ bool, _ []string) {
				serve(ts, "configd.sock", api.Handler(newFakeConfigd()))
			},
			"clusterd": func(ts *testscript.TestScript, _ bool, args []string) {
				serve(ts, "clusterd.sock", clusterd.Handler(newFakeClusterd(args)))
			},
			"refusing": func(ts *testscript.TestScript, _ bool, args []string) {
				f := newFakeConfigd()
				f.err = clusterd.Refuse(clusterd.Code(args[0]), "", "%s", args[1])
				serve(ts, "configd.sock", api.Handler(f))
			},
		},
	})
}

// exits runs a command and compares its exit code: exits 3 plexus dg lsit.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want := args[0]
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if exit, ok := err.(interface{ ExitCode() int }); ok {
		got = string(rune('0' + exit.ExitCode()))
	} else if err != nil {
		ts.Fatalf("%v: %v", args[1:], err)
	}
	if got != want {
		ts.Fatalf("%v: exit code %s, want %s", args[1:], got, want)
	}
}

// waitLimit is when waiting for what does not come has been long enough.
const waitLimit = 30 * time.Second

// waitfor runs a command again and again until its output matches: waitfor leaving plexus cluster status.
func waitfor(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile(args[0])
	for end := time.Now().Add(waitLimit); ; {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%v printed no %q within %v", args[1:], args[0], waitLimit)
		}
	}
}

// serve lets a fake answer behind the socket until the script ends.
func serve(ts *testscript.TestScript, name string, h http.Handler) {
	l, err := clusterd.Listen(filepath.Join(ts.Getenv(runDirVariable), name))
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- clusterd.Serve(ctx, l, h) }()
	ts.Defer(func() {
		cancel()
		<-done
	})
}
