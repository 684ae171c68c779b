// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
	"github.com/plexus-cvm/plexus/configd/txn"
)

// Marshal returns the message as bytes. One that does not fit a frame is a bug: texts are bounded long before.
func Marshal(m txn.Message) []byte {
	x := &Message{From: uint32(m.Head.From), View: uint64(m.Head.View), Start: m.Head.Start, Body: body(m.Body)}
	b, err := proto.Marshal(x)
	if err != nil {
		panic(fmt.Sprintf("BUG: marshal %v: %v", m, err))
	}
	if len(b) > BytesMax {
		panic(fmt.Sprintf("BUG: %v has %d bytes, the limit is %d", m, len(b), BytesMax))
	}
	return b
}

func body(b txn.Body) isMessage_Body {
	switch b := b.(type) {
	case txn.Announce:
		return &Message_Announce{&Announce{}}
	case txn.Join:
		return &Message_Join{join(b)}
	case txn.Refuse:
		return &Message_Refuse{&Refuse{Attempt: b.Attempt, Reason: string(b.Reason), Why: b.Why}}
	case txn.Offer:
		return &Message_Offer{&Offer{Attempt: b.Attempt, Round: b.Round, Groups: each(b.Groups, ident)}}
	case txn.Fetch:
		return &Message_Fetch{&Fetch{Group: b.Group, Hash: b.Hash}}
	case txn.Text:
		return &Message_Text{&Text{Group: b.Group, Text: []byte(b.Text)}}
	case txn.Ready:
		return &Message_Ready{&Ready{Attempt: b.Attempt, Round: b.Round}}
	case txn.Declined:
		return &Message_Declined{&Refuse{Attempt: b.Attempt, Reason: string(b.Reason), Why: b.Why}}
	case txn.Welcome:
		return &Message_Welcome{&Welcome{Attempt: b.Attempt}}
	}
	return change(b)
}

// change is the second half of body: all but the configuration join.
func change(b txn.Body) isMessage_Body {
	switch b := b.(type) {
	case txn.Propose:
		return &Message_Propose{&Propose{Tx: ballot(b.Tx), Group: b.Group, Base: b.Base, Hash: b.Hash, Text: []byte(b.Text),
			Writers: each(b.Writers, func(w txn.Writer) *Writer { return &Writer{Disk: w.Disk, Node: uint32(w.Node)} })}}
	case txn.Vote:
		return &Message_Vote{&Answer{Tx: ballot(b.Tx), Yes: b.Yes, Why: b.Why}}
	case txn.Prepare:
		return &Message_Prepare{&Prepare{Tx: ballot(b.Tx)}}
	case txn.Prepared:
		return &Message_Prepared{&Answer{Tx: ballot(b.Tx), Yes: b.Yes, Why: b.Why}}
	case txn.Commit:
		return &Message_Commit{&Commit{Tx: ballot(b.Tx), Ident: ident(b.Ident)}}
	case txn.Abort:
		return &Message_Abort{&Abort{Tx: ballot(b.Tx), Decision: ballot(b.Decision), Group: b.Group}}
	case txn.Applied:
		return &Message_Applied{&Answer{Tx: ballot(b.Tx), Yes: b.Ok, Why: b.Why}}
	case txn.Inscribe:
		return &Message_Inscribe{inscribe(b)}
	case txn.Inscribed:
		return &Message_Inscribed{&Inscribed{Ballot: ballot(b.Ballot), Group: b.Group, Disk: b.Disk, Header: b.Header, Ok: b.Ok, Why: b.Why}}
	case txn.Forward:
		return &Message_Forward{&Forward{Id: b.ID, Master: b.Master, Group: b.Group, Base: b.Base, Change: b.Change}}
	case txn.Result:
		return &Message_Result{&Result{Id: b.ID, Outcome: uint32(b.Outcome), Version: b.Version, Why: b.Why}}
	}
	panic(fmt.Sprintf("BUG: message of type %T", b))
}

func join(j txn.Join) *Join {
	return &Join{
		Attempt: j.Attempt, Cluster: string(j.Cluster), Incarnation: uint64(j.Inc),
		ProtocolMin: j.Protocol.Min, ProtocolMax: j.Protocol.Max,
		Labels: each(j.Labels, func(c label.Copy) *Label {
			return &Label{Header: label.EncodeHeader(c.Header)[:sectorBytes], Slot0: slotHead(c.Slots[0]), Slot1: slotHead(c.Slots[1])}
		}),
		Held: each(j.Held, func(h txn.Held) *Held {
			return &Held{Group: h.Group, Version: h.Version, Hash: h.Hash, Ballot: ballot(h.Ballot), Next: h.Next, Acked: h.Acked}
		}),
	}
}

func inscribe(i txn.Inscribe) *Inscribe {
	x := &Inscribe{Ballot: ballot(i.Ballot), Group: i.Group, Disk: i.Disk, At: uint32(i.At)}
	if i.Header != nil {
		x.What = &Inscribe_Header{label.EncodeHeader(*i.Header)[:sectorBytes]}
	} else {
		x.What = &Inscribe_Slot{label.EncodeSlot(i.Slot)}
	}
	return x
}

func slotHead(s label.Slot) *SlotHead {
	if s.Hash == "" {
		return nil
	}
	return &SlotHead{Group: s.Group, Version: s.Version, Ballot: ballot(s.Ballot), Hash: s.Hash, Parent: s.Parent}
}

func ident(i txn.Ident) *Ident {
	return &Ident{Group: i.Group, Version: i.Version, Hash: i.Hash, Ballot: ballot(i.Ballot)}
}

func ballot(b view.Ballot) *Ballot {
	return &Ballot{View: uint64(b.View), Start: b.Start, Step: b.Step}
}

// each converts a list; an empty one stays nil.
func each[A, B any](list []A, one func(A) B) []B {
	var all []B
	for _, x := range list {
		all = append(all, one(x))
	}
	return all
}
