// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func connect(t *testing.T) *Client {
	t.Helper()
	here, there := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- Serve(there, Hello{Release: "1.2.3", Boot: "b"}) }()
	c := NewClient(here)
	t.Cleanup(func() {
		c.Close()
		there.Close()
		<-served
	})
	hello, err := c.Hello(t.Context())
	if err != nil || hello.Release != "1.2.3" {
		t.Fatalf("hello %+v, %v", hello, err)
	}
	return c
}

func run(t *testing.T, c *Client, stdin io.Reader, r Request) (Exit, string, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	call, err := c.Start(ctx, r, stdin, &out, &errs)
	if err != nil {
		t.Fatal(err)
	}
	exit, err := call.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return exit, out.String(), errs.String()
}

func shell(script string) Request { return Request{Argv: []string{"/bin/sh", "-c", script}} }

func TestACommandsOutputAndExitCodeArrive(t *testing.T) {
	exit, out, errs := run(t, connect(t), nil, shell("echo to-out; echo to-err >&2; exit 7"))
	if exit.Code != 7 || out != "to-out\n" || errs != "to-err\n" {
		t.Errorf("got %v, %q, %q", exit, out, errs)
	}
}

func TestLongInputPassesThroughUnchanged(t *testing.T) {
	in := bytes.Repeat([]byte("0123456789abcdef"), 10*frameBytesMax/16)
	exit, out, _ := run(t, connect(t), bytes.NewReader(in), Request{Argv: []string{"cat"}})
	if !exit.Ok() || out != string(in) {
		t.Errorf("%v, %d bytes of %d", exit, len(out), len(in))
	}
}

func TestInputThatNobodyReadsDoesNotStopOtherRequests(t *testing.T) {
	c := connect(t)
	call, err := c.Start(t.Context(), shell("sleep 1000"), bytes.NewReader(make([]byte, 100*frameBytesMax)), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if exit, out, _ := run(t, c, nil, shell("echo still here")); !exit.Ok() || out != "still here\n" {
		t.Errorf("%v %q", exit, out)
	}
	if err := call.Signal(t.Context(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if exit, err := call.Wait(t.Context()); err != nil || exit.Signal != "terminated" {
		t.Errorf("got %v, %v; want the signal", exit, err)
	}
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	exit, _, _ := run(t, connect(t), nil, Request{Argv: []string{"no-such-program"}})
	if !strings.Contains(exit.Error, "no-such-program") || exit.Code != -1 {
		t.Errorf("got %+v", exit)
	}
}

func TestAFileIsPutWholeAndReadBack(t *testing.T) {
	c, path := connect(t), filepath.Join(t.TempDir(), "a", "b")
	want := strings.Repeat("x", 3*frameBytesMax+1)
	if exit, _, _ := run(t, c, strings.NewReader(want), Request{Put: path, Mode: 0o640}); !exit.Ok() {
		t.Fatal(exit)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v; want mode 0640", info, err)
	}
	if exit, got, _ := run(t, c, nil, Request{Get: path}); !exit.Ok() || got != want {
		t.Errorf("%v, %d bytes of %d", exit, len(got), len(want))
	}
	if exit, _, _ := run(t, c, nil, Request{Get: path + "no"}); exit.Ok() {
		t.Error("reading a file that is not there went well")
	}
}

func TestAnEndedContextGivesUpAtOnceAndKills(t *testing.T) {
	c, pid := connect(t), filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	var once sync.Once
	call, err := c.Start(ctx, shell("echo $$ >"+pid+"; echo go; sleep 1000"), nil, writer(func() { once.Do(func() { close(started) }) }), nil)
	if err != nil {
		t.Fatal(err)
	}
	<-started
	cancel()
	if _, err := call.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gone := shell("while kill -0 $(cat " + pid + ") 2>/dev/null; do sleep 0.01; done")
	if exit, _, _ := run(t, c, nil, gone); !exit.Ok() {
		t.Errorf("the process lives: %v", exit)
	}
}

type writer func()

func (w writer) Write(b []byte) (int, error) { w(); return len(b), nil }

func TestAGuestThatDiesEndsEveryCall(t *testing.T) {
	here, there := net.Pipe()
	c := NewClient(here)
	go Serve(there, Hello{})
	if _, err := c.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	call, err := c.Start(t.Context(), shell("sleep 1000"), nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	there.Close()
	if _, err := call.Wait(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
	if _, err := c.Start(t.Context(), shell("true"), nil, nil, nil); !errors.Is(err, ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, frame{kindStdout, 7, []byte("hello")}))
	f.Add(appendFrame(nil, frame{kind: kindEOF, request: 1}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 0, 99, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := readFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		again := appendFrame(nil, got)
		if !bytes.HasPrefix(b, again) {
			t.Errorf("%v was built as %x from %x", got, again, b)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"argv":["true"]}`))
	f.Add([]byte(`{"put":"/x","get":"/y"}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRequest(b); err == nil && r.check() != nil {
			t.Errorf("a request that makes no sense was accepted: %+v", r)
		}
	})
}
