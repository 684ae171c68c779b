// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"strings"
	"testing"
)

func TestDecodeTakesOnlyTheCanonicalText(t *testing.T) {
	text := string(Encode(sample(t)))
	replace := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("the text has no %q", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	for _, c := range []struct{ text, want string }{
		{"", "EOF"},
		{"{}", "format 0"},
		{replace(`"format":1`, `"format":2`), "format 2, this program reads 1"},
		{replace(`"shared":false`, `"shared":false,"colour":"blue"`), "unknown field"},
		{replace(`"shared":false`, `"shared":false,"shared":false`), "not canonical"},
		{replace(`"shared"`, `"Shared"`), "not canonical"},
		{replace("\n", ""), "not canonical"},
		{text + " ", "not canonical"},
		{text + "{}", "something follows"},
		{text[:len(text)-4], "EOF"},
		{replace(`"version":3`, `"version":-3`), "version"},
		{replace(`"version":3`, `"version":3.0`), "version"},
		{strings.Repeat(" ", TextBytesMax+1), "the limit is"},
	} {
		if _, err := Decode([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: got %v, want %q", c.text, err, c.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(Encode(sample(f)))
	f.Add([]byte(`{"format":1,"name":"dg"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		g, err := Decode(text)
		if err != nil {
			return
		}
		if again := Encode(g); !bytes.Equal(again, text) {
			t.Errorf("decoded\n%s\nencoded\n%s", text, again)
		}
	})
}

func FuzzDecodeChange(f *testing.F) {
	for _, c := range []Change{
		CreateGroup{Name: "dg", ID: testID(1), Shared: true, Cluster: "c", Disks: []Disk{{ID: testID(2)}}},
		AddDisks{Disks: []Disk{{Name: "dg01"}}},
		CreateVolume{Name: "v", ID: testID(1), Layout: Stripe, Columns: 3, Unit: 8, Size: Size{Percent: 5}, Disks: []string{"dg01"}},
		Resize{Volume: "lin", Size: Size{Sign: '+', Amount: 77}, Shrink: true},
		RemoveVolume{Volume: "lin"},
		RemoveGroup{},
	} {
		f.Add(EncodeChange(c))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := DecodeChange(text)
		if err != nil {
			return
		}
		if again := EncodeChange(c); !bytes.Equal(again, text) {
			t.Errorf("decoded\n%s\nencoded\n%s", text, again)
		}
		g := sample(t)
		if next, err := Edit(g, c); err == nil && next.Version != g.Version+1 {
			t.Errorf("%v gives version %d", c, next.Version)
		}
	})
}

func TestSizesAreReadAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"10g", "10g"}, {"10G", "10g"}, {"512m", "512m"}, {"1024m", "1g"}, {"1.5t", "1536g"}, {"0.5k", "1s"}, {"0.1k", "1s"},
		{"2048s", "1m"}, {"7s", "7s"}, {"+1g", "+1g"}, {"-300m", "-300m"}, {"50%FREE", "50%FREE"}, {"+100%free", "+100%FREE"},
		{"1024p", "1024p"},
		{"", "size is missing"}, {"+", "size is missing"}, {"10", "has no unit"}, {"10x", "has no unit"}, {"g", "not a number"}, {"1e3g", "not a number"},
		{"1.g", "not a number"}, {"1.2345g", "not a number"}, {"--1g", "not a number"}, {"0g", "is zero"}, {"0.5s", "whole number"},
		{"1025p", "larger"}, {"99999999999999999999p", "larger"}, {"18014398509481984g", "larger"},
		{"0%FREE", "1 to 100"}, {"101%FREE", "1 to 100"}, {"x%FREE", "1 to 100"}, {"%FREE", "1 to 100"}, {"-5%FREE", "give the amount"},
	} {
		z, err := ParseSize(c.text)
		if got := z.String(); err == nil && got != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, %v, want %q", c.text, got, err, c.want)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"10g", "1.5t", "+50%FREE", "7s", "-1p"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		z, err := ParseSize(s)
		if err != nil {
			return
		}
		if again, err := ParseSize(z.String()); err != nil || again != z {
			t.Errorf("%q prints as %v, which reads as %v, %v", s, z, again, err)
		}
	})
}
