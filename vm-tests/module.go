// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bootModules are loaded by every guest's first process before anything else.
var bootModules = map[guestKind][]string{
	kernelGuest: {"virtio_pci", "virtio_console", "configfs", "dm_mod", "loop"},
	nodeGuest:   {"virtio_pci", "virtio_console", "virtio_blk", "crc32c_generic", "ext4"},
}

// testModules are at hand in a kernel guest: the kernel asks for some by itself, a test for others with modprobe.
var testModules = []string{
	"dm_mirror", "dm_log", "dm_log_userspace", "dm_region_hash", "dm_delay", "dm_flakey", "dm_snapshot", "dm_thin_pool",
	"dm_multipath", "dm_round_robin", "dm_service_time", "dm_zero", "dm_dust", "dm_clone", "dm_raid",
	"brd", "null_blk", "scsi_debug", "sd_mod", "sg", "virtio_blk", "virtio_scsi", "nbd",
	"iscsi_tcp", "target_core_mod", "target_core_file", "target_core_iblock", "tcm_loop", "iscsi_target_mod",
	"nvme_tcp", "nvme_loop", "nvmet", "nvmet_tcp",
	"virtio_net", "veth", "dummy", "bridge", "tun", "inet_diag", "tcp_diag", "udp_diag", "netlink_diag", "cn",
	"sch_ingress", "cls_bpf", "ext4", "crc32c_generic", "crc32c_intel", "softdog", "i6300esb",
}

// modules are the kernel modules that go into a guest, decompressed, with what they need.
type modules struct {
	files   map[string][]byte // NAME.ko, by name
	dep     string            // "name: needed first, then this"
	alias   string            // "pattern name"
	builtin string            // names of those that are part of the kernel
}

// collectModules takes the named modules of a kernel and all they depend on. A kernel need not have every one: what a guest
// lacks is said when somebody asks for it.
func collectModules(ctx context.Context, k Kernel, names []string) (modules, error) {
	tree, err := readModuleTree(k)
	if err != nil {
		return modules{}, err
	}
	m := modules{files: map[string][]byte{}, builtin: strings.Join(tree.builtin, "\n") + "\n"}
	var dep, alias strings.Builder
	for _, name := range names {
		entry, ok := tree.modules[name]
		if !ok {
			continue
		}
		for _, path := range append([]string{entry.path}, entry.needs...) {
			n := moduleName(path)
			if m.files[n] != nil {
				continue
			}
			if m.files[n], err = readModule(ctx, filepath.Join(k.Modules, path)); err != nil {
				return modules{}, err
			}
			fmt.Fprintf(&dep, "%s:%s\n", n, tree.order(n))
		}
	}
	for _, line := range tree.aliases {
		if m.files[line.module] != nil {
			fmt.Fprintf(&alias, "%s %s\n", line.pattern, line.module)
		}
	}
	m.dep, m.alias = dep.String(), alias.String()
	return m, nil
}

// readModule returns the bytes of a module as the kernel loads them.
func readModule(ctx context.Context, path string) ([]byte, error) {
	if strings.HasSuffix(path, ".xz") {
		out, err := hostCommand(ctx, "", "xz", "-dc", path)
		return []byte(out), err
	}
	return os.ReadFile(path)
}

// moduleTree is what depmod has written about a kernel's modules.
type moduleTree struct {
	modules map[string]moduleEntry
	aliases []moduleAlias
	builtin []string
}

type moduleEntry struct {
	path  string
	needs []string // paths, the last one is to be loaded first
}

type moduleAlias struct{ pattern, module string }

// order names what a module needs, in the order of loading.
func (t moduleTree) order(name string) string {
	var b strings.Builder
	needs := t.modules[name].needs
	for i := len(needs) - 1; i >= 0; i-- {
		b.WriteString(" " + moduleName(needs[i]))
	}
	return b.String()
}

func readModuleTree(k Kernel) (moduleTree, error) {
	t := moduleTree{modules: map[string]moduleEntry{}}
	texts := map[string]string{}
	for _, name := range []string{"modules.dep", "modules.alias", "modules.builtin"} {
		b, err := os.ReadFile(filepath.Join(k.Modules, name))
		if err != nil {
			return t, fmt.Errorf("read the module tree of %s: %w", k.Release, err)
		}
		texts[name] = string(b)
	}
	for line := range strings.Lines(texts["modules.dep"]) {
		if path, needs, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			t.modules[moduleName(path)] = moduleEntry{path, strings.Fields(needs)}
		}
	}
	for line := range strings.Lines(texts["modules.alias"]) {
		if words := strings.Fields(line); len(words) == 3 && words[0] == "alias" {
			t.aliases = append(t.aliases, moduleAlias{words[1], words[2]})
		}
	}
	for line := range strings.Lines(texts["modules.builtin"]) {
		t.builtin = append(t.builtin, moduleName(strings.TrimSpace(line)))
	}
	return t, nil
}

// moduleName is the name that the kernel uses: kernel/drivers/md/dm-mod.ko.xz is dm_mod.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
