// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

var (
	sessionPart = regexp.MustCompile(`/session([0-9]+)/`)
	hostPart    = regexp.MustCompile(`/host[0-9]+/`)
	virtioPart  = regexp.MustCompile(`/virtio[0-9]+/`)
)

// transport finds out how a disk is reached from the place of its device in the tree, and where it is served.
func (h Host) transport(name string) (view.Transport, []netip.AddrPort) {
	place, err := filepath.EvalSymlinks(filepath.Join(h.Sys, "block", name))
	if err != nil {
		return view.TransportOther, nil
	}
	switch {
	case strings.HasPrefix(name, "nvme"):
		return h.nvme(name, place)
	case strings.HasPrefix(name, "nbd"):
		return view.TransportNBD, nil // the kernel does not show the sockets of an nbd device in sysfs
	}
	if m := sessionPart.FindStringSubmatch(place); m != nil {
		return view.TransportISCSI, h.iscsiPortals(m[1])
	}
	switch {
	case hostPart.MatchString(place):
		return view.TransportSCSI, nil
	case virtioPart.MatchString(place):
		return view.TransportVirtio, nil
	}
	return view.TransportOther, nil
}

// iscsiPortals returns the remote ends of the connections of a session. address and port are what the connection is made
// to; persistent_* what it was logged in to, before a redirection.
func (h Host) iscsiPortals(session string) []netip.AddrPort {
	var list []netip.AddrPort
	for _, c := range h.sys("class", "iscsi_connection").names(".") {
		if !strings.HasPrefix(c, "connection"+session+":") {
			continue
		}
		s := h.sys("class", "iscsi_connection", c)
		if p, ok := addrPort(s.first("address", "persistent_address"), s.first("port", "persistent_port")); ok {
			list = append(list, p)
		}
	}
	return sortPortals(list)
}

// nvme looks at the controllers of a namespace: the one it hangs under, or, where the kernel joins paths, all of its
// subsystem. One that is not reached by TCP makes it no network disk of ours.
func (h Host) nvme(name, place string) (view.Transport, []netip.AddrPort) {
	parent := filepath.Dir(place)
	controllers := []dir{dir(parent)}
	if dir(parent).text("transport") == "" {
		controllers = nil
		for _, n := range dir(parent).names(".") {
			if dir(filepath.Join(parent, n)).text("transport") != "" {
				controllers = append(controllers, dir(filepath.Join(parent, n)))
			}
		}
	}
	var list []netip.AddrPort
	for _, c := range controllers {
		if c.text("transport") != "tcp" {
			return view.TransportOther, nil
		}
		fields := map[string]string{}
		for field := range strings.SplitSeq(c.text("address"), ",") {
			key, value, _ := strings.Cut(field, "=")
			fields[key] = value
		}
		if p, ok := addrPort(fields["traddr"], fields["trsvcid"]); ok {
			list = append(list, p)
		}
	}
	if len(controllers) == 0 {
		return view.TransportOther, nil
	}
	return view.TransportNVMe, sortPortals(list)
}

func addrPort(address, port string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(strings.Trim(address, "[]"))
	if err != nil {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), true
}

func sortPortals(list []netip.AddrPort) []netip.AddrPort {
	slices.SortFunc(list, netip.AddrPort.Compare)
	return slices.Compact(list)
}
