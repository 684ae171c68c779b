// SPDX-License-Identifier: Apache-2.0

package vmtests

import "fmt"

// agentProgram is where the first process's program lies in a node, for the unit of the agent.
const agentProgram = "/usr/local/sbin/plexus-guest-agent"

// agentUnit starts the agent as early as there is a journal, and lets it live until the last: a boot or a power-off that
// hangs can then be looked into.
const agentUnit = `[Unit]
Description=Agent of the test harness
DefaultDependencies=no
After=systemd-journald.socket

[Service]
ExecStart=` + agentProgram + ` agent
Environment=HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WorkingDirectory=/root
OOMScoreAdjust=-1000
LimitMEMLOCK=infinity
TasksMax=infinity
`

// journalSettings send the journal to the host as it is written: a killed node leaves its last words behind.
const journalSettings = `[Journal]
Storage=volatile
ForwardToConsole=yes
TTYPath=/dev/hvc0
MaxLevelConsole=debug
RateLimitIntervalSec=0
`

// unwanted are modules that udev would load for parts of the emulated machine that no test looks at. Under emulation each costs
// a noticeable part of a second.
var unwanted = []string{
	"kvm", "kvm_amd", "kvm_intel", "ccp", "floppy", "psmouse", "pcspkr", "i2c_piix4", "serio_raw", "evdev", "button",
	"ata_piix", "ata_generic", "cfg80211", "aesni_intel", "ghash_clmulni_intel", "sha1_ssse3", "sha256_ssse3", "sha512_ssse3",
	"crct10dif_pclmul", "qemu_fw_cfg",
}

// maskedUnits have nothing to do in a guest without a screen, or run by the clock, which would make a test's timing depend on
// the hour.
var maskedUnits = []string{
	"modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service", "getty@tty1.service",
	"systemd-networkd-wait-online.service", "e2scrub_reap.service", "apt-daily.timer", "apt-daily-upgrade.timer",
	"e2scrub_all.timer", "fstrim.timer", "dpkg-db-backup.timer",
}

func blacklist() []byte {
	var text []byte
	for _, name := range unwanted {
		text = fmt.Appendf(text, "blacklist %s\n", name)
	}
	return text
}

// identity is what tells one node of a lab from another, and what makes the root a guest of the harness.
func (n *Node) identity() []File {
	files := []File{
		{Path: "/etc/hostname", Data: []byte(n.name + "\n")},
		{Path: "/etc/machine-id", Data: fmt.Appendf(nil, "%032x\n", 0x91e405<<32|n.number)},
		{Path: "/etc/iscsi/initiatorname.iscsi", Mode: 0o600, Data: fmt.Appendf(nil, "InitiatorName=iqn.2026-01.example.plexus:%s\n", n.name)},
		{Path: "/etc/fstab", Data: []byte("/dev/disk/by-id/virtio-state /var/lib/plexus ext4 defaults 0 0\n")},
		{Path: "/etc/modprobe.d/harness.conf", Data: blacklist()},
		{Path: "/etc/hosts", Data: n.hosts()},
		{Path: "/etc/systemd/journald.conf.d/harness.conf", Data: []byte(journalSettings)},
		{Path: "/etc/systemd/system/plexus-guest-agent.service", Data: []byte(agentUnit)},
		{Path: "/etc/systemd/system/sysinit.target.wants/plexus-guest-agent.service", Link: "../plexus-guest-agent.service"},
		{Path: "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service", Link: "/lib/systemd/system/systemd-networkd.service"},
	}
	for _, unit := range maskedUnits {
		files = append(files, File{Path: "/etc/systemd/system/" + unit, Link: "/dev/null"})
	}
	for _, w := range n.lab.networks() {
		files = append(files,
			File{Path: "/etc/systemd/network/10-" + w.name + ".link", Data: fmt.Appendf(nil, "[Match]\nMACAddress=%s\n\n[Link]\nName=%s\n", w.mac(n.number), w.name)},
			// A node keeps its addresses while its cable is out, as one with a static configuration does.
			File{Path: "/etc/systemd/network/10-" + w.name + ".network", Data: fmt.Appendf(nil,
				"[Match]\nName=%s\n\n[Network]\nAddress=%s/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nConfigureWithoutCarrier=yes\n", w.name, n.Address(w))},
		)
	}
	return files
}

// hosts names every node by its address in the interconnect.
func (n *Node) hosts() []byte {
	text := []byte("127.0.0.1 localhost\n")
	for i := 1; i <= n.lab.options.Nodes; i++ {
		text = fmt.Appendf(text, "%s node%d\n", n.lab.Interconnect.ip(i), i)
	}
	return text
}
