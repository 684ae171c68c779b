// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"encoding/binary"
	"fmt"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Verdicts of a classifier (linux/pkt_cls.h) and where an Ethernet frame holds its sender's address.
const (
	verdictPass = 0
	verdictDrop = 2
	senderBytes = 6
)

// filter brings the tap of a node in line with n.cut: frames to it from a node it is cut from are dropped where they leave the
// bridge. The program is made for its list, so there is no map to keep; an empty list is no filter. n.mu is held.
func (n *Network) filter(node int) error {
	link, err := n.handle.LinkByName(n.tap(node))
	if err != nil {
		return err
	}
	queue := &netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT},
		QdiscType:  "clsact",
	}
	if err := n.handle.QdiscReplace(queue); err != nil {
		return fmt.Errorf("add a classifier to %s: %w", n.tap(node), err)
	}
	var from []net.HardwareAddr
	for p := range n.cut {
		switch node {
		case p.a:
			from = append(from, n.mac(p.b))
		case p.b:
			from = append(from, n.mac(p.a))
		}
	}
	if len(from) == 0 {
		return n.handle.QdiscDel(queue)
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "cut", Type: ebpf.SchedCLS, License: "Apache-2.0", Instructions: dropFrom(from),
	})
	if err != nil {
		return fmt.Errorf("load the filter of %s: %w", n.tap(node), err)
	}
	defer program.Close() // the attachment holds it
	return n.handle.FilterReplace(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{
			LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_MIN_EGRESS, Handle: 1, Priority: 1, Protocol: unix.ETH_P_ALL,
		},
		Fd: program.FD(), Name: "cut", DirectAction: true,
	})
}

// dropFrom is the classifier: drop a frame whose sender is one of these.
func dropFrom(senders []net.HardwareAddr) asm.Instructions {
	program := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)} // LD_ABS takes the packet from R6
	for i, mac := range senders {
		next := fmt.Sprintf("next%d", i)
		program = append(program,
			asm.LoadAbs(senderBytes, asm.Word),
			asm.JNE.Imm32(asm.R0, int32(binary.BigEndian.Uint32(mac[0:4])), next),
			asm.LoadAbs(senderBytes+4, asm.Half),
			asm.JEq.Imm32(asm.R0, int32(binary.BigEndian.Uint16(mac[4:6])), "drop"),
			asm.Mov.Imm(asm.R0, 0).WithSymbol(next),
		)
	}
	return append(program,
		asm.Mov.Imm(asm.R0, verdictPass), asm.Return(),
		asm.Mov.Imm(asm.R0, verdictDrop).WithSymbol("drop"), asm.Return())
}
