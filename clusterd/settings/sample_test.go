// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"bytes"
	"net/netip"
	"reflect"
	"regexp"
	"testing"
)

var setting = regexp.MustCompile(`(?m)^#(\w+ = )`)

func TestTheSampleChangesNothingShowsTheDefaultsAndNamesEveryKey(t *testing.T) {
	if s, err := Parse(Sample); err != nil || s != Default() {
		t.Fatalf("as it is: %+v, %v", s, err)
	}
	want := Default()
	want.Interconnect = netip.MustParseAddr("10.0.0.1")
	if s, err := Parse(setting.ReplaceAll(Sample, []byte("$1"))); err != nil || s != want {
		t.Fatalf("with every line in force: %+v, %v", s, err)
	}
	for f := range reflect.TypeFor[Settings]().Fields() {
		if key := f.Tag.Get("toml"); !bytes.Contains(Sample, []byte("\n#"+key+" = ")) {
			t.Errorf("%s is not in the sample", key)
		}
	}
}
