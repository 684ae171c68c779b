// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAMissingFileGivesDefaultsThatWork(t *testing.T) {
	s, err := Load(filepath.Join(t.TempDir(), "none"))
	if err != nil || s != Default() || s.check() != nil {
		t.Fatalf("%+v, %v, %v", s, err, s.check())
	}
}

func TestWhatIsSetCounts(t *testing.T) {
	s, err := Parse([]byte("name = \"n1\"\ninterconnect = \"10.1.2.3\"\nheartbeat = \"1s\"\nfence_level = \"wire\"\n"))
	if err != nil || s.Name != "n1" || s.Interconnect.String() != "10.1.2.3" || s.Times().Lease != 32*time.Second || s.MemberPort != 4841 {
		t.Fatalf("%+v, %v", s, err)
	}
}

func TestBadFilesAreNamedWithTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"name = \"a\"\nhartbeat = \"1s\"\n":       `line 2: unknown key "hartbeat"`,
		"\nheartbeat = 7\n":                       "line 2",
		"heartbeat = \"1ns\"\n":                   "heartbeat: ",
		"heartbeat = \"1s\n":                      "line 1",
		"member_port = 4842\n":                    "two different ports",
		"fence_level = \"strong\"\n":              `fence_level "strong"`,
		"default_activation = \"sharedread\"\n":   "default_activation",
		"interconnect = \"0.0.0.0\"\n":            "not the address of one node",
		"interconnect = \"nowhere\"\n":            "line 1",
		"registration_timeout = \"1ms\"\n":        "registration_timeout",
		"[net]\nmember_port = 1\n":                `unknown key "net`,
		"hold_time = \"-1s\"\n":                   "hold_time",
		"name = \"a\"\nname = \"b\"\n":            "line 2",
		"interconnect = \"10.0.0.1\"\nname = 1\n": "line 2",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	path := filepath.Join(t.TempDir(), "plexus.toml")
	if err := os.WriteFile(path, []byte("x = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("the error does not name the file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name = \"n1\"\nheartbeat = \"1s\"\n"))
	f.Add([]byte("[a]\nb = {}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := Parse(text); err == nil && s.check() != nil {
			t.Fatalf("%q was accepted: %v", text, s.check())
		}
	})
}
