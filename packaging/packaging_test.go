// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkout makes a folder that looks like a checkout after `make build`, and returns its install script.
func checkout(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"packaging", "docs", "clusterd/settings"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join("..", name))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"plexus", "plexus-clusterd", "plexus-configd"} {
		if err := os.WriteFile(filepath.Join(dir, "bin", name), []byte(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(dir, "packaging", "install")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	return script
}

func install(t *testing.T, script, root string) string {
	t.Helper()
	c := exec.Command(script)
	c.Env = append(os.Environ(), "DESTDIR="+root)
	out, err := c.CombinedOutput()
	if err != nil {
		return "failed: " + string(out)
	}
	return string(out)
}

func TestInstallPutsEachFileInItsPlaceAndKeepsSettings(t *testing.T) {
	script, root := checkout(t), t.TempDir()
	if out := install(t, script, root); out != "" {
		t.Fatal(out)
	}
	want := []string{
		"/etc/plexus/plexus.toml 0644",
		"/usr/lib/systemd/system/plexus-clusterd.service 0644",
		"/usr/lib/systemd/system/plexus-configd.service 0644",
		"/usr/lib/sysusers.d/plexus.conf 0644",
		"/usr/lib/udev/rules.d/56-plexus.rules 0644",
		"/usr/sbin/plexus 0755",
		"/usr/sbin/plexus-clusterd 0755",
		"/usr/sbin/plexus-configd 0755",
	}
	if diff := cmp.Diff(want, installed(t, root)); diff != "" {
		t.Error(diff)
	}
	mine := []byte("name = \"mine\"\n")
	path := filepath.Join(root, "etc/plexus/plexus.toml")
	if err := os.WriteFile(path, mine, 0o644); err != nil {
		t.Fatal(err)
	}
	if out := install(t, script, root); out != "" {
		t.Fatal(out)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != string(mine) {
		t.Errorf("the operator's settings became %q, %v", got, err)
	}
}

// installed lists what lies below root with its mode; documents are left out.
func installed(t *testing.T, root string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(p, "/usr/share/doc/") {
			return err
		}
		fi, err := d.Info()
		list = append(list, strings.TrimPrefix(p, root)+" 0"+string([]byte{'0' + byte(fi.Mode()>>6&7), '0' + byte(fi.Mode()>>3&7), '0' + byte(fi.Mode()&7)}))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestInstallWithoutBuildSaysWhatToRun(t *testing.T) {
	script := checkout(t)
	if err := os.Remove(filepath.Join(filepath.Dir(script), "../bin/plexus")); err != nil {
		t.Fatal(err)
	}
	if out := install(t, script, t.TempDir()); !strings.Contains(out, "bin/plexus is missing; run: make build") {
		t.Errorf("got %q", out)
	}
}

func TestUnitsPassSystemdsOwnCheck(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("needs systemd-analyze, which guests have")
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, name := range []string{"plexus-clusterd.service", "plexus-configd.service"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// The check wants the program to exist.
		unit := regexp.MustCompile(`/usr/sbin/plexus-\w+`).ReplaceAll(text, []byte("/bin/true"))
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, unit, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	if out, err := exec.Command(analyze, args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// The rule takes the parts of a dm name from dmsetup, so dmsetup must take them apart as we put them together.
func TestDmsetupSplitsNamesAsTheRuleWants(t *testing.T) {
	dmsetup, err := exec.LookPath("dmsetup")
	if err != nil {
		t.Skip("needs dmsetup, which guests have")
	}
	for name, want := range map[string][]string{
		"data-vol1":         {"data", "vol1", ""},
		"da--ta-vol--1":     {"da-ta", "vol-1", ""},
		"a-----b":           {"a--", "b", ""},
		"x.y_z-v.1_2":       {"x.y_z", "v.1_2", ""},
		"data-vol1-left-7":  {"data", "vol1", "left"},
		"data-vol1-left--7": {"data", "vol1", "left-7"},
	} {
		out, err := exec.Command(dmsetup, "splitname", "--nameprefixes", "--noheadings", "--rows", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range strings.Fields(string(out)) {
			_, value, _ := strings.Cut(line, "=")
			got = append(got, strings.Trim(value, "'"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
