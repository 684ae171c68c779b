// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Path is where the daemons look for their settings.
const Path = "/etc/plexus/plexus.toml"

const fileBytesMax = 1 << 20

// Settings is plexus.toml.
type Settings struct {
	// Name of this node; empty is the host's name.
	Name string `toml:"name"`
	// Interconnect is this node's address on the network of the cluster. There is no default: a guess could put the
	// cluster's traffic on the wrong network.
	Interconnect netip.Addr `toml:"interconnect"`
	MemberPort   uint16     `toml:"member_port"`
	ConfigPort   uint16     `toml:"config_port"`

	Heartbeat           Duration        `toml:"heartbeat"`
	RegistrationTimeout Duration        `toml:"registration_timeout"`
	HoldTime            Duration        `toml:"hold_time"`
	DefaultActivation   string          `toml:"default_activation"`
	FenceLevel          view.FenceLevel `toml:"fence_level"`
}

// Duration is a time.Duration written as "100ms".
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// Default is what holds without a file.
func Default() Settings {
	return Settings{
		MemberPort: 4841, ConfigPort: 4842,
		Heartbeat:           Duration(view.HeartbeatDefault),
		RegistrationTimeout: Duration(30 * time.Second),
		HoldTime:            Duration(30 * time.Second),
		DefaultActivation:   "sharedwrite",
	}
}

// Load reads the file; one that is not there gives the defaults.
func Load(path string) (Settings, error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Default(), nil
	case err != nil:
		return Settings{}, fmt.Errorf("read settings: %w", err)
	case len(text) > fileBytesMax:
		return Settings{}, fmt.Errorf("read settings: %s has more than %d bytes", path, fileBytesMax)
	}
	s, err := Parse(text)
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %s: %w", path, err)
	}
	return s, nil
}

// Parse reads the text of a settings file.
func Parse(text []byte) (Settings, error) {
	s := Default()
	md, err := toml.NewDecoder(bytes.NewReader(text)).Decode(&s)
	if err != nil {
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			return Settings{}, fmt.Errorf("line %d: %s", p.Position.Line, p.Message)
		}
		return Settings{}, err
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		return Settings{}, fmt.Errorf("line %d: unknown key %q", lineOf(text, unknown[0]), unknown[0])
	}
	return s, s.check()
}

// lineOf finds where a key stands; the library does not say for keys that it did not use.
func lineOf(text []byte, k toml.Key) int {
	for i, line := range strings.Split(string(text), "\n") {
		word, _, _ := strings.Cut(strings.TrimLeft(line, " \t["), "=")
		if strings.Trim(strings.TrimRight(word, " \t]"), `"'`) == k[len(k)-1] {
			return i + 1
		}
	}
	return 0
}

func (s Settings) check() error {
	switch {
	case s.MemberPort == 0 || s.ConfigPort == 0 || s.MemberPort == s.ConfigPort:
		return fmt.Errorf("member_port %d and config_port %d must be two different ports", s.MemberPort, s.ConfigPort)
	case s.RegistrationTimeout < Duration(time.Second) || s.RegistrationTimeout > Duration(time.Hour):
		return fmt.Errorf("registration_timeout %v is not in 1s..1h", time.Duration(s.RegistrationTimeout))
	case s.HoldTime < 0 || s.HoldTime > Duration(time.Hour):
		return fmt.Errorf("hold_time %v is not in 0s..1h", time.Duration(s.HoldTime))
	case s.DefaultActivation != "sharedwrite":
		return fmt.Errorf("default_activation %q is unknown; sharedwrite is the only one there is", s.DefaultActivation)
	case s.FenceLevel != "" && !s.FenceLevel.Valid():
		return fmt.Errorf("fence_level %q is not one of none, watchdog, bio, wire, reservation", s.FenceLevel)
	case s.Interconnect.IsValid() && (s.Interconnect.IsUnspecified() || s.Interconnect.IsMulticast()):
		return fmt.Errorf("interconnect %v is not the address of one node", s.Interconnect)
	}
	if err := s.Times().Check(); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	return nil
}

// Times are the durations of membership that follow from the settings.
func (s Settings) Times() view.Times {
	t := view.TimesFrom(time.Duration(s.Heartbeat))
	t.HoldTime = time.Duration(s.HoldTime)
	return t
}
