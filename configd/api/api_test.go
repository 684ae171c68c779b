// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/configd/config"
)

// recorder keeps what it was asked and answers with err, or with empty values.
type recorder struct {
	asked []string
	err   error
}

func (s *recorder) note(what string, args ...any) error {
	s.asked = append(s.asked, strings.TrimSpace(what+" "+fmt.Sprintln(args...)))
	return s.err
}

func (s *recorder) Disks(context.Context) (DiskList, error) { return DiskList{}, s.note("disks") }
func (s *recorder) InitDisks(_ context.Context, r DiskInit) (DiskList, error) {
	return DiskList{Disks: []Disk{{Device: "/dev/sdb"}}}, s.note("init", r)
}
func (s *recorder) Groups(context.Context) (GroupList, error) {
	return GroupList{Groups: []Group{{Name: "data"}}}, s.note("groups")
}
func (s *recorder) Group(_ context.Context, name string) (Group, error) {
	return Group{Name: name}, s.note("group", name)
}
func (s *recorder) CreateGroup(_ context.Context, r GroupCreate) (Change, error) {
	return Change{Group: r.Name}, s.note("create group", r)
}
func (s *recorder) Volumes(_ context.Context, group string) (VolumeList, error) {
	return VolumeList{Volumes: []Volume{{Plexes: []Plex{{Columns: [][]Subdisk{nil}}}}}}, s.note("volumes", group)
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
func serve(t *testing.T, v Verbs) Configd {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "configd.sock")
	l, err := api.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- api.Serve(ctx, l, Handler(v)) }()
	c := Dial(socket)
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
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
	c := serve(t, &recorder{})
	for _, path := range []string{"/v1/disks", "/v1/groups", "/v1/groups/data", "/v1/volumes", "/v1/volumes/data/vol1", "/v1/doctor"} {
		var body json.RawMessage
		if err := c.Call(t.Context(), http.MethodGet, path, nil, &body); err != nil {
			t.Error(err)
		}
		if text := string(body); strings.Contains(text, "null") || !strings.Contains(text, `"schema":1`) {
			t.Errorf("%s: %s", path, text)
		}
	}
}

func TestRefusalKeepsItsCodeWordsAndHint(t *testing.T) {
	refusal := api.Refuse(api.NotAllowed, "wait", "create volume vol1: no quorum")
	_, err := serve(t, &recorder{err: refusal}).Groups(t.Context())
	if e := api.AsError(err); *e != *refusal {
		t.Errorf("got %+v, want %+v", e, refusal)
	}
}

func TestBadRequestsAreRefusedBeforeTheDaemonIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		body any
	}{
		"unknown field": {"/v1/volumes", map[string]any{"group": "data", "nmae": "vol1"}},
		"wrong type":    {"/v1/disks/init", map[string]any{"disks": "/dev/sdb"}},
		"bad size":      {"/v1/volumes/data/vol1/resize", map[string]any{"size": "ten"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &recorder{}
			err := serve(t, s).Call(t.Context(), http.MethodPost, c.path, c.body, nil)
			if e := api.AsError(err); e.Code != api.BadRequest || len(s.asked) > 0 {
				t.Errorf("got %v, the daemon was asked %q", err, s.asked)
			}
		})
	}
}

// Whatever the body, the daemon answers with JSON and a code, and does not panic.
func FuzzRequests(f *testing.F) {
	paths := []string{"/v1/volumes", "/v1/volumes/data/vol1/resize", "/v1/groups", "/v1/disks/init"}
	for i, body := range []string{
		`{"group":"data","name":"vol1","size":"10g"}`, `{"size":"+5%FREE"}`, `{"name":"x","disks":[""]}`, `{"disks":null}`,
	} {
		f.Add(i, []byte(body))
	}
	socket := filepath.Join(f.TempDir(), "configd.sock")
	l, err := api.Listen(socket)
	if err != nil {
		f.Fatal(err)
	}
	ctx := f.Context()
	go func() { _ = api.Serve(ctx, l, Handler(&recorder{})) }()
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) }
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	f.Fuzz(func(t *testing.T, i int, body []byte) {
		path := paths[uint(i)%uint(len(paths))]
		answer, err := client.Post("http://configd"+path, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || !json.Valid(text) || answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s %q: %d %s %v", path, body, answer.StatusCode, text, err)
		}
	})
}
