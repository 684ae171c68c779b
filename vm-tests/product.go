// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// programs are what `make build` makes, by name and package.
var programs = []struct{ name, pkg string }{
	{"plexus", "./tools/plexus"},
	{"plexus-clusterd", "./clusterd"},
	{"plexus-configd", "./configd"},
}

// enabledUnits start with a node, so that it comes back into its cluster after a crash.
var enabledUnits = []string{"plexus-clusterd.service", "plexus-configd.service"}

// installProduct builds the programs and installs them below dir by the script that installs them on a user's machine; what
// it put there goes over the root of each node.
func installProduct(ctx context.Context, dir string) ([]File, error) {
	source, err := SourceDir(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		if err := Build(ctx, p.pkg, filepath.Join(source, "bin", p.name)); err != nil {
			return nil, err
		}
	}
	script := filepath.Join(source, "packaging", "install")
	install := exec.CommandContext(ctx, script)
	install.Env = append(os.Environ(), "DESTDIR="+dir)
	if out, err := install.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", script, err, out)
	}
	files, err := filesBelow(dir)
	for _, unit := range enabledUnits {
		link := "/etc/systemd/system/multi-user.target.wants/" + unit
		files = append(files, File{Path: link, Link: "/usr/lib/systemd/system/" + unit})
	}
	return files, err
}

// filesBelow lists the regular files below dir as files of a guest.
func filesBelow(dir string) (files []File, err error) {
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		files = append(files, File{Path: "/" + relative, Mode: info.Mode().Perm(), Host: name})
		return err
	})
	return files, err
}

// settings is the node's plexus.toml.
func (n *Node) settings() File {
	text := fmt.Appendf(nil, "interconnect = %q\n", n.Address(n.lab.Interconnect))
	if n.lab.options.Heartbeat != 0 {
		text = fmt.Appendf(text, "heartbeat = %q\nregistration_timeout = %q\n", n.lab.options.Heartbeat, max(30*time.Second, 120*n.lab.options.Heartbeat))
	}
	return File{Path: "/etc/plexus/plexus.toml", Data: text}
}
