// SPDX-License-Identifier: Apache-2.0

package dm_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/plexus-cvm/plexus/dm"
)

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"a": true, "vg-lv": true, strings.Repeat("a", 127): true, "A#+-.:=@_9": true,
		"": false, ".": false, "..": false, "control": false, "a/b": false, "a b": false, "ä": false,
		strings.Repeat("a", 128): false,
	} {
		if err := dm.ValidateName(name); (err == nil) != ok {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for uuid, ok := range map[string]bool{"": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "a\x00": false} {
		if err := dm.ValidateUUID(uuid); (err == nil) != ok {
			t.Errorf("uuid %q: %v", uuid, err)
		}
	}
}

func TestVolumeNamesSplitAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		group := rapid.StringMatching(`[a-c_][a-c-]{0,5}`).Draw(t, "group")
		volume := rapid.StringMatching(`[a-c_][a-c-]{0,5}`).Draw(t, "volume")
		name := dm.VolumeName(group, volume)
		if g, v, ok := dm.SplitName(name); !ok || g != group || v != volume {
			t.Fatalf("%q splits into %q, %q, %t", name, g, v, ok)
		}
	})
	for _, name := range []string{"", "a", "a--b", "-a", "a-", "a-b-c", "--"} {
		if g, v, ok := dm.SplitName(name); ok {
			t.Errorf("%q splits into %q, %q", name, g, v)
		}
	}
}
