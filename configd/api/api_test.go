// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plexus-cvm/plexus/configd/config"
)

// recorder is a service that keeps what it was asked and answers with err, or with empty values.
type recorder struct {
	asked []string
	err   error
}

func (s *recorder) note(what string, args ...any) error {
	s.asked = append(s.asked, strings.TrimSpace(what+" "+fmt.Sprintln(args...)))
	return s.err
}

func (s *recorder) Disks(context.Context) ([]Disk, error) { return nil, s.note("disks") }
func (s *recorder) InitDisks(_ context.Context, r DiskInit) ([]Disk, error) {
	return []Disk{{Device: "/dev/sdb"}}, s.note("init", r)
}
func (s *recorder) Groups(context.Context) ([]Group, error) {
	return []Group{{Name: "data"}}, s.note("groups")
}
func (s *recorder) Group(_ context.Context, name string) (Group, error) {
	return Group{Name: name}, s.note("group", name)
}
func (s *recorder) CreateGroup(_ context.Context, r GroupCreate) (Change, error) {
	return Change{Group: r.Name}, s.note("create group", r)
}
func (s *recorder) Volumes(_ context.Context, group string) ([]Volume, error) {
	return []Volume{{Plexes: []Plex{{Columns: [][]Subdisk{nil}}}}}, s.note("volumes", group)
}
func (s *recorder) Volume(_ context.Context, group, name string) (Volume, error) {
	return Volume{Group: group, Name: name}, s.note("volume", group, name)
}
func (s *recorder) CreateVolume(_ context.Context, r VolumeCreate) (Change, error) {
	return Change{Group: r.Group}, s.note("create volume", r)
}
func (s *recorder) ResizeVolume(_ context.Context, group, name string, r VolumeResize) (Change, error) {
	return Change{Group: group}, s.note("resize", group, name, r)
}
func (s *recorder) RemoveVolume(_ context.Context, group, name string, r VolumeRemove) (Change, error) {
	return Change{Group: group}, s.note("remove", group, name, r)
}
func (s *recorder) Doctor(context.Context) (Doctor, error) { return Doctor{}, s.note("doctor") }

// serve listens on a real unix socket and returns its client.
func serve(t *testing.T, s Service) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "configd.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: NewHandler(s)}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return NewClient(socket)
}

func TestEachRequestReachesTheServiceAsItWasSent(t *testing.T) {
	s := &recorder{}
	c, ctx := serve(t, s), t.Context()
	size, err := config.ParseSize("+50%FREE")
	if err != nil {
		t.Fatal(err)
	}
	do := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	do(c.Disks(ctx))
	do(c.InitDisks(ctx, DiskInit{Disks: []string{"/dev/sdb"}, Force: true}))
	do(c.Groups(ctx))
	do(c.Group(ctx, "a.b_c-d"))
	do(c.CreateGroup(ctx, GroupCreate{Name: "data", Shared: true, Disks: []string{"dg01=/dev/sdb"}}))
	do(c.Volumes(ctx, ""))
	do(c.Volumes(ctx, "data"))
	do(c.Volume(ctx, "data", "vol1"))
	do(c.CreateVolume(ctx, VolumeCreate{Group: "data", Name: "vol1", Size: config.Size{Amount: config.Extent}, Layout: config.Stripe, Columns: 2, Unit: 65536}))
	do(c.ResizeVolume(ctx, "data", "vol1", VolumeResize{Size: size, DryRun: true}))
	do(c.RemoveVolume(ctx, "data", "vol1", VolumeRemove{}))
	do(c.Doctor(ctx))
	want := []string{
		"disks", "init {[/dev/sdb] true}", "groups", "group a.b_c-d", "create group {data true [dg01=/dev/sdb] false}",
		"volumes", "volumes data", "volume data vol1", "create volume {data vol1 1m stripe 2 65536 [] false}",
		"resize data vol1 {+50%FREE false [] true}", "remove data vol1 {false}", "doctor",
	}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Error(diff)
	}
}

func TestNoAnswerHoldsNullAndEachHasItsSchema(t *testing.T) {
	h := NewHandler(&recorder{})
	for _, path := range []string{"/v1/disks", "/v1/groups", "/v1/groups/data", "/v1/volumes", "/v1/volumes/data/vol1", "/v1/doctor"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		body := w.Body.String()
		if w.Code != http.StatusOK || strings.Contains(body, "null") || !strings.Contains(body, `"schema":1`) {
			t.Errorf("%s: %d %s", path, w.Code, body)
		}
	}
}

func TestRefusalKeepsItsCodeTextAndHint(t *testing.T) {
	for code := range statuses {
		refusal := &Error{Code: code, Text: "create volume vol1: no", Hint: "do this"}
		_, err := serve(t, &recorder{err: fmt.Errorf("group data: %w", refusal)}).Groups(t.Context())
		var got *Error
		want := Error{Code: code, Text: "group data: create volume vol1: no", Hint: "do this"}
		if !errors.As(err, &got) || *got != want {
			t.Errorf("got %+v, want %+v", err, want)
		}
	}
	_, err := serve(t, &recorder{err: fs.ErrClosed}).Groups(t.Context())
	if got := (*Error)(nil); !errors.As(err, &got) || got.Code != Failed || got.Text != fs.ErrClosed.Error() {
		t.Errorf("an error without code arrived as %v", err)
	}
}

func TestDaemonThatIsNotThereIsUnreachableAndNamed(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "configd.sock")
	_, err := NewClient(socket).Groups(t.Context())
	var away *Unreachable
	if !errors.As(err, &away) || !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), socket) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestBadRequestsAreRefusedBeforeTheService(t *testing.T) {
	for name, c := range map[string]struct {
		path, body string
		code       int
	}{
		"unknown field":    {"/v1/volumes", `{"group":"data","nmae":"vol1"}`, http.StatusBadRequest},
		"no JSON":          {"/v1/volumes", `size=10g`, http.StatusBadRequest},
		"empty":            {"/v1/volumes", ``, http.StatusBadRequest},
		"two values":       {"/v1/volumes/data/vol1/remove", `{}{}`, http.StatusBadRequest},
		"bad size":         {"/v1/volumes/data/vol1/resize", `{"size":"ten"}`, http.StatusBadRequest},
		"much too long":    {"/v1/groups", `{"name":"` + strings.Repeat("a", requestBytesMax) + `"}`, http.StatusBadRequest},
		"no such request":  {"/v1/volumes/data/vol1/explode", `{}`, http.StatusNotFound},
		"no such version":  {"/v2/groups", `{}`, http.StatusNotFound},
		"get, and it is a": {"/v1/disks", `{}`, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			s := &recorder{}
			w := httptest.NewRecorder()
			NewHandler(s).ServeHTTP(w, httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(c.body)))
			var e Error
			if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != c.code || e.Text == "" || e.Code == "" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if len(s.asked) > 0 {
				t.Errorf("the service was asked %q", s.asked)
			}
		})
	}
}

func TestAnswerThatIsNotOursIsAnError(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "configd.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	if _, err := NewClient(socket).Groups(t.Context()); err == nil || !strings.Contains(err.Error(), "another version") {
		t.Errorf("got %v", err)
	}
}

// Whatever the body, the daemon answers with JSON and a code, and does not panic.
func FuzzRequests(f *testing.F) {
	paths := []string{"/v1/volumes", "/v1/volumes/data/vol1/resize", "/v1/groups", "/v1/disks/init"}
	for i, body := range []string{`{"group":"data","name":"vol1","size":"10g"}`, `{"size":"+5%FREE"}`, `{"name":"x","disks":[""]}`, `{"disks":null}`} {
		f.Add(i, []byte(body))
	}
	f.Fuzz(func(t *testing.T, i int, body []byte) {
		w := httptest.NewRecorder()
		path := paths[uint(i)%uint(len(paths))]
		NewHandler(&recorder{}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
		if !json.Valid(w.Body.Bytes()) || w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("%s %q: %d %s", path, body, w.Code, w.Body)
		}
	})
}
