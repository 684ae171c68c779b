// SPDX-License-Identifier: Apache-2.0

package cpio

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func archive(t *testing.T, fill func(*Writer)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	fill(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCpioUnpacksWhatWasWritten(t *testing.T) {
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Skip("no cpio on this machine to judge the archive")
	}
	b := archive(t, func(w *Writer) {
		w.File("/a/b/c.txt", 0o644, []byte("odd"))
		w.File("a/b/d.txt", 0o755, []byte("even"))
		w.Symlink("link", "a/b/c.txt")
	})
	list := exec.Command("cpio", "-it", "--quiet")
	list.Stdin = bytes.NewReader(b)
	out, err := list.CombinedOutput()
	if err != nil {
		t.Fatalf("cpio: %v\n%s", err, out)
	}
	want := []string{"a", "a/b", "a/b/c.txt", "a/b/d.txt", "link"}
	if diff := cmp.Diff(want, strings.Fields(string(out))); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	dir := t.TempDir()
	unpack := exec.Command("cpio", "-id", "--quiet", "-D", dir)
	unpack.Stdin = bytes.NewReader(b)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("cpio: %v\n%s", err, out)
	}
	text, err := exec.Command("cat", dir+"/link", dir+"/a/b/d.txt").Output()
	if err != nil || string(text) != "oddeven" {
		t.Errorf("content %q, %v; want oddeven", text, err)
	}
}

func TestSameContentGivesTheSameBytes(t *testing.T) {
	fill := func(w *Writer) {
		w.Files(0o644, map[string][]byte{"x": []byte("1"), "y": []byte("2"), "d/z": []byte("3")})
	}
	if a, b := archive(t, fill), archive(t, fill); !bytes.Equal(a, b) {
		t.Error("two archives of the same content differ")
	}
	if n := len(archive(t, fill)); n%alignBytes != 0 {
		t.Errorf("archive of %d bytes: the next one would not be aligned", n)
	}
}
