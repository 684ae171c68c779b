// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemon is a clusterd that knows three things.
type daemon struct {
	Verbs
	gone chan struct{}
}

func (daemon) Status(context.Context) (Status, error) {
	return Status{Node: 2, Condition: view.Leaving, View: view.View{Seq: 7}}, nil
}

func (daemon) Leave(_ context.Context, r LeaveRequest) (Status, error) {
	return Status{}, Refuse(NotAllowed, "wait", "leave: not now (force %v)", r.Force)
}

func (d daemon) Register(ctx context.Context, r RegisterRequest, send func(Update) error) error {
	if r.PID == 0 {
		return Refuse(NotAllowed, "stop the old one", "register: another configd is running")
	}
	for i := range uint64(3) {
		if err := send(Update{Start: i + 1, View: view.View{Seq: view.Seq(r.PID)}}); err != nil {
			return err
		}
	}
	<-ctx.Done()
	close(d.gone)
	return nil
}

func start(t *testing.T, d daemon) Clusterd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Serve(ctx, l, Handler(d)) }()
	c := Dial(path)
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestAnAnswerAndAnErrorComeOverWhole(t *testing.T) {
	c := start(t, daemon{})
	s, err := c.Status(t.Context())
	if err != nil || s.Node != 2 || s.Condition != view.Leaving || s.View.Seq != 7 {
		t.Fatalf("status %+v, %v", s, err)
	}
	_, err = c.Leave(t.Context(), LeaveRequest{Force: true})
	e, ok := errors.AsType[*Error](err)
	if !ok || *e != (Error{NotAllowed, "leave: not now (force true)", "wait"}) || e.ExitCode() != 6 {
		t.Fatalf("leave: %#v", err)
	}
}

func TestRegistrationStreamsUntilTheCallerIsGone(t *testing.T) {
	d := daemon{gone: make(chan struct{})}
	c := start(t, d)
	ctx, cancel := context.WithCancel(t.Context())
	var starts []uint64
	err := c.Register(ctx, RegisterRequest{PID: 9}, func(u Update) error {
		if starts = append(starts, u.Start); len(starts) == 3 {
			cancel()
		}
		return nil
	})
	if len(starts) != 3 || starts[2] != 3 || !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, %v", starts, err)
	}
	<-d.gone
	if err := c.Register(t.Context(), RegisterRequest{}, nil); AsError(err).Code != NotAllowed {
		t.Fatalf("refused registration: %v", err)
	}
}

func TestBadRequestsAreNamed(t *testing.T) {
	c := start(t, daemon{})
	for _, r := range []struct {
		in   any
		code Code
		want string
	}{
		{map[string]any{"forse": true}, BadRequest, `unknown field "forse"`},
		{map[string]any{"force": "yes"}, BadRequest, "force"},
	} {
		err := c.Call(t.Context(), http.MethodPost, "/v1/leave", r.in, nil)
		if e := AsError(err); e.Code != r.code || !strings.Contains(e.Message, r.want) {
			t.Errorf("%v: %v", r.in, err)
		}
	}
	if err := c.Call(t.Context(), http.MethodGet, "/v1/nothing", nil, nil); AsError(err).Code != Failed {
		t.Errorf("unknown path: %v", err)
	}
}

func TestADaemonThatIsNotThereIsUnreachable(t *testing.T) {
	_, err := Dial(filepath.Join(t.TempDir(), "sock")).Status(t.Context())
	e := AsError(err)
	if e.Code != Unreachable || e.ExitCode() != 4 || !strings.Contains(e.Hint, "systemctl status plexus-clusterd") {
		t.Fatalf("%+v", e)
	}
}

func TestOnlyTheSuperuserMayChangeAnything(t *testing.T) {
	r, _ := http.NewRequestWithContext(context.WithValue(t.Context(), credKey{}, Caller{UID: 4711}), http.MethodPost, "/v1/leave", http.NoBody)
	if _, err := Read[LeaveRequest](nil, r); AsError(err).Code != NotAllowed {
		t.Fatalf("user 4711: %v", err)
	}
	r.Method = http.MethodGet
	if _, err := Read[None](nil, r); err != nil {
		t.Fatalf("user 4711 may look: %v", err)
	}
}

func TestTheSocketIsNotForEverybody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	for range 2 { // the second time over the file that the first left
		l, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o660 {
			t.Fatalf("mode %v, %v", fi.Mode(), err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
	}
}
