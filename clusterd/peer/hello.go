// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"net/netip"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// hello is a checked Hello.
type hello struct {
	id      ID
	address netip.AddrPort // zero: not told
}

func (c Config) ownHello(inc view.Incarnation, address netip.AddrPort) *wire.Frame {
	return &wire.Frame{Body: &wire.Frame_Hello{Hello: &wire.Hello{
		Cluster:     string(c.Identity.Name.Cluster),
		Node:        uint32(c.Identity.Name.Node),
		Incarnation: uint64(inc),
		Service:     c.Service,
		ProtocolMin: c.Protocol.Min,
		ProtocolMax: c.Protocol.Max,
		Address:     address.String(),
	}}}
}

// checkHello holds a peer's first frame against its certificate and against what we are.
func (c Config) checkHello(f *wire.Frame, cert pki.Name) (hello, *Refusal) {
	if r := f.GetRefusal(); r != nil {
		return hello{}, &Refusal{Code: Code(r.GetCode()), Why: r.GetText(), ByPeer: true}
	}
	h := f.GetHello()
	if h == nil {
		return hello{}, refuse(CodeFrame, "its first frame is no hello")
	}
	said := pki.Name{Cluster: view.ClusterID(h.GetCluster()), Node: view.NodeID(h.GetNode())}
	theirs := Range{h.GetProtocolMin(), h.GetProtocolMax()}
	switch {
	case said.Cluster != c.Identity.Name.Cluster:
		return hello{}, refuse(CodeCluster, "it speaks for cluster %q, this node is of %s", said.Cluster, c.Identity.Name.Cluster)
	case said != cert:
		return hello{}, refuse(CodeIdentity, "it speaks as node %d with the certificate of node %d", said.Node, cert.Node)
	case h.GetService() != c.Service:
		return hello{}, refuse(CodeService, "service %q was called on the port of %q: check the port numbers", h.GetService(), c.Service)
	case theirs.Min > theirs.Max || theirs.Max < c.Protocol.Min || theirs.Min > c.Protocol.Max:
		return hello{}, refuse(CodeProtocol, "it speaks protocols %d-%d, this node %d-%d: bring both to neighbouring releases",
			theirs.Min, theirs.Max, c.Protocol.Min, c.Protocol.Max)
	}
	address, _ := netip.ParseAddrPort(h.GetAddress()) // only told on; zero if it is none
	return hello{ID{said.Node, view.Incarnation(h.GetIncarnation())}, address}, nil
}

func refusalFrame(r *Refusal) *wire.Frame {
	return &wire.Frame{Body: &wire.Frame_Refusal{Refusal: &wire.Refusal{Code: string(r.Code), Text: r.Why}}}
}

func aliveFrame() *wire.Frame {
	return &wire.Frame{Body: &wire.Frame_Alive{Alive: &wire.Alive{}}}
}
