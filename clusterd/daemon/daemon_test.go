// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/plexus-cvm/plexus/clusterd/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestABadCommandLineIsNamedAndHasItsExitCode(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		say  string
	}{
		"unknown flag":     {[]string{"--colour"}, exitUsage, "unknown flag: --colour"},
		"no value":         {[]string{"--run-dir"}, exitUsage, "--run-dir"},
		"unknown argument": {[]string{"start"}, exitUsage, `unknown argument "start"`},
		"help":             {[]string{"--help"}, exitOK, "--state-dir"},
		"none":             {nil, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr strings.Builder
			_, _, code := parse("plexus-clusterd", "/pins", c.args, &stderr)
			if code != c.code || !strings.Contains(stderr.String(), c.say) {
				t.Errorf("exit code %d: %s", code, stderr.String())
			}
		})
	}
}

// dying is a loop whose end is what a request waits for.
type dying struct {
	die   chan struct{}
	ended chan struct{}
}

func (d dying) Run(context.Context) error {
	<-d.die
	close(d.ended)
	return errors.New("the log cannot be written")
}

func TestARequestThatTheLoopsEndAnswersIsAnswered(t *testing.T) {
	d := dying{make(chan struct{}), make(chan struct{})}
	mux := http.NewServeMux()
	api.Handle(mux, "POST /v1/join", func(ctx context.Context, _ api.None) (api.None, error) {
		close(d.die)
		select {
		case <-d.ended:
			return api.None{}, errors.New("no member answered")
		case <-ctx.Done():
			return api.None{}, ctx.Err()
		}
	})
	socket := filepath.Join(t.TempDir(), "clusterd.sock")
	served := make(chan error, 1)
	listening := make(chan struct{})
	go func() { served <- serve(d, mux, socket, func() { close(listening) }) }()
	<-listening
	c := api.NewClient("clusterd", socket)
	defer c.Close()
	err := c.Call(t.Context(), http.MethodPost, "/v1/join", api.None{}, nil)
	if err == nil || err.Error() != "no member answered" {
		t.Errorf("the caller was told: %v", err)
	}
	if err := <-served; err == nil || err.Error() != "the log cannot be written" {
		t.Errorf("the daemon ends with: %v", err)
	}
}
