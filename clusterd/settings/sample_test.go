// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"bytes"
	"reflect"
	"testing"
)

func TestTheSampleIsTheDefaultsAndNamesEveryKey(t *testing.T) {
	s, err := Parse(Sample)
	if err != nil || s != Default() {
		t.Fatalf("%+v, %v", s, err)
	}
	for f := range reflect.TypeFor[Settings]().Fields() {
		if key := f.Tag.Get("toml"); !bytes.Contains(Sample, []byte("\n"+key+" = ")) && !bytes.Contains(Sample, []byte("\n#"+key+" = ")) {
			t.Errorf("%s is not in the sample", key)
		}
	}
	if s, err := Parse(bytes.ReplaceAll(Sample, []byte("#interconnect"), []byte("interconnect"))); err != nil || !s.Interconnect.IsValid() {
		t.Errorf("with the address set: %+v, %v", s, err)
	}
}
