// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/plexus-cvm/plexus/configd/label"
)

// TestBlkidFindsForeignData runs the real blkid on files that carry marks of others.
func TestBlkidFindsForeignData(t *testing.T) {
	if _, err := exec.LookPath("blkid"); err != nil {
		t.Skip("blkid is not installed")
	}
	partitioned := make([]byte, 512)
	copy(partitioned[446:], []byte{0, 0, 2, 0, 0x83, 0, 9, 0, 1, 0, 0, 0, 8, 0, 0, 0})
	copy(partitioned[510:], "\x55\xaa")
	for _, c := range []struct {
		name string
		at   int64
		mark []byte
		want string
	}{
		{"nothing", 0, nil, ""},
		{"crypto", 0, append([]byte("LUKS\xba\xbe\x00\x01"), make([]byte, 592)...), "crypto crypto_LUKS"},
		{"partitions", 0, partitioned, "partition table dos"},
		{"our own label", label.HeaderOffset, []byte("PLXLABEL"), ""},
	} {
		path := filepath.Join(t.TempDir(), "disk")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt(c.mark, c.at)
		if err = errors.Join(err, f.Truncate(16*mib), f.Close()); err != nil {
			t.Fatal(err)
		}
		found, err := Blkid(path)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		got := ""
		if len(found) > 0 {
			got = found[0].String()
		}
		if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	if _, err := Blkid("/nonexistent/disk"); err == nil {
		t.Error("a disk that is not there has no data")
	}
}

func FuzzParseBlkid(f *testing.F) {
	f.Add([]byte("DEVNAME=/dev/sdb\nLABEL=a=b\nTYPE=ext4\nUSAGE=filesystem\nPTTYPE=gpt\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		for _, s := range parseBlkid(out) {
			if s.Type == "" || strings.ContainsAny(s.String(), "\n\x1b\x00") {
				t.Errorf("%q gives %q", out, s)
			}
		}
	})
}

// TestDirectWritesAreWhatIsRead opens a regular file as a disk is opened.
func TestDirectWritesAreWhatIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, make([]byte, 4*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := OpenDirect(path, ForWrite)
	if errors.Is(err, syscall.EINVAL) {
		t.Skip("the filesystem of the temporary directory does not know O_DIRECT")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := bytes.Repeat([]byte("plexus, "), (chunkBytes+2*label.BlockBytes)/8)
	if _, err := f.WriteAt(want, label.BlockBytes); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, label.BlockBytes); err != nil || !bytes.Equal(got, want) {
		t.Errorf("read back: %v, equal %v", err, bytes.Equal(got, want))
	}
	if major, minor := f.Number(); major != 0 || minor != 0 {
		t.Errorf("a regular file has the number %d:%d", major, minor)
	}
	if _, err := OpenDirect(filepath.Join(t.TempDir(), "none"), ForRead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a device that is not there: %v", err)
	}
}
