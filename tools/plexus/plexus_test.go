// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

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
			"exits": exits,
			"configd": func(ts *testscript.TestScript, _ bool, _ []string) {
				serve(ts, "configd.sock", api.NewHandler(newFakeConfigd()))
			},
			"refusing": func(ts *testscript.TestScript, _ bool, args []string) {
				f := newFakeConfigd()
				f.err = api.Refuse(api.Code(args[0]), "%s", args[1])
				serve(ts, "configd.sock", api.NewHandler(f))
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

func serve(ts *testscript.TestScript, name string, h http.Handler) {
	l, err := net.Listen("unix", filepath.Join(ts.Getenv(runDirVariable), name))
	ts.Check(err)
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }()
	ts.Defer(func() { _ = server.Close() })
}
