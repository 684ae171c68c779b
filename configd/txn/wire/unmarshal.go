// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
	"github.com/plexus-cvm/plexus/configd/txn"
)

const (
	// BytesMax is the longest message: a group's longest text and room for what goes with it. It fits a frame of the
	// peer link.
	BytesMax    = 18 << 20
	sectorBytes = 512
)

// What is wrong with bytes that are no message.
var (
	ErrTooLong   = errors.New("message is too long")
	ErrMalformed = errors.New("malformed message")
	ErrUnknown   = errors.New("message of a kind that this version does not know")
)

// Unmarshal reads one message. The error wraps one of those above.
func Unmarshal(b []byte) (txn.Message, error) {
	if len(b) > BytesMax {
		return txn.Message{}, fmt.Errorf("read peer message: %w: %d bytes, the limit is %d", ErrTooLong, len(b), BytesMax)
	}
	var x Message
	if err := proto.Unmarshal(b, &x); err != nil {
		return txn.Message{}, fmt.Errorf("read peer message: %w: %w", ErrMalformed, err)
	}
	r := reader{}
	body := r.body(&x)
	switch {
	case r.err != nil:
		return txn.Message{}, fmt.Errorf("read peer message: %w: %w", ErrMalformed, r.err)
	case body == nil:
		return txn.Message{}, fmt.Errorf("read peer message: %w", ErrUnknown)
	case x.From == 0 || x.From > view.NodesMax:
		return txn.Message{}, fmt.Errorf("read peer message: %w: node %d", ErrMalformed, x.From)
	}
	return txn.Message{Head: txn.Head{From: view.NodeID(x.From), View: view.Seq(x.View), Start: x.Start}, Body: body}, nil
}

// reader keeps the first thing that is wrong.
type reader struct{ err error }

func (r *reader) wrong(err error) {
	if r.err == nil {
		r.err = err
	}
}

// body returns nil for a message that this version does not know. Protobuf's getters take a missing part for an empty one.
func (r *reader) body(m *Message) txn.Body {
	switch b := m.Body.(type) {
	case *Message_Announce:
		return txn.Announce{}
	case *Message_Join:
		return r.join(b.Join)
	case *Message_Refuse:
		return txn.Refuse{Attempt: b.Refuse.GetAttempt(), Reason: view.Reason(b.Refuse.GetReason()), Why: b.Refuse.GetWhy()}
	case *Message_Offer:
		return txn.Offer{Attempt: b.Offer.GetAttempt(), Round: b.Offer.GetRound(), Groups: each(b.Offer.GetGroups(), readIdent)}
	case *Message_Fetch:
		return txn.Fetch{Group: b.Fetch.GetGroup(), Hash: b.Fetch.GetHash()}
	case *Message_Text:
		return txn.Text{Group: b.Text.GetGroup(), Text: string(b.Text.GetText())}
	case *Message_Ready:
		return txn.Ready{Attempt: b.Ready.GetAttempt(), Round: b.Ready.GetRound()}
	case *Message_Declined:
		return txn.Declined{Attempt: b.Declined.GetAttempt(), Reason: view.Reason(b.Declined.GetReason()), Why: b.Declined.GetWhy()}
	case *Message_Welcome:
		return txn.Welcome{Attempt: b.Welcome.GetAttempt()}
	}
	return r.change(m)
}

// change is the second half of body: all but the configuration join.
func (r *reader) change(m *Message) txn.Body {
	switch b := m.Body.(type) {
	case *Message_Propose:
		p := b.Propose
		return txn.Propose{Tx: readBallot(p.GetTx()), Group: p.GetGroup(), Base: p.GetBase(), Hash: p.GetHash(), Text: string(p.GetText()),
			Writers: each(p.GetWriters(), func(w *Writer) txn.Writer { return txn.Writer{Disk: w.GetDisk(), Node: view.NodeID(w.GetNode())} })}
	case *Message_Vote:
		return txn.Vote{Tx: readBallot(b.Vote.GetTx()), Yes: b.Vote.GetYes(), Why: b.Vote.GetWhy()}
	case *Message_Prepare:
		return txn.Prepare{Tx: readBallot(b.Prepare.GetTx())}
	case *Message_Prepared:
		return txn.Prepared{Tx: readBallot(b.Prepared.GetTx()), Yes: b.Prepared.GetYes(), Why: b.Prepared.GetWhy()}
	case *Message_Commit:
		return txn.Commit{Tx: readBallot(b.Commit.GetTx()), Ident: readIdent(b.Commit.GetIdent())}
	case *Message_Abort:
		return txn.Abort{Tx: readBallot(b.Abort.GetTx()), Decision: readBallot(b.Abort.GetDecision()), Group: b.Abort.GetGroup()}
	case *Message_Applied:
		return txn.Applied{Tx: readBallot(b.Applied.GetTx()), Ok: b.Applied.GetYes(), Why: b.Applied.GetWhy()}
	case *Message_Inscribe:
		return r.inscribe(b.Inscribe)
	case *Message_Inscribed:
		i := b.Inscribed
		return txn.Inscribed{Ballot: readBallot(i.GetBallot()), Group: i.GetGroup(), Disk: i.GetDisk(), Header: i.GetHeader(), Ok: i.GetOk(), Why: i.GetWhy()}
	case *Message_Forward:
		f := b.Forward
		return txn.Forward{ID: f.GetId(), Master: f.GetMaster(), Group: f.GetGroup(), Base: f.GetBase(), Change: f.GetChange()}
	case *Message_Result:
		return r.result(b.Result)
	}
	return nil
}

func (r *reader) join(j *Join) txn.Join {
	x := txn.Join{Attempt: j.GetAttempt(), Cluster: view.ClusterID(j.GetCluster()), Inc: view.Incarnation(j.GetIncarnation()),
		Protocol: txn.Protocol{Min: j.GetProtocolMin(), Max: j.GetProtocolMax()}}
	x.Labels = each(j.GetLabels(), func(l *Label) label.Copy {
		return label.Copy{Header: r.header(l.GetHeader()), Slots: [2]label.Slot{readSlotHead(l.GetSlot0()), readSlotHead(l.GetSlot1())}}
	})
	x.Held = each(j.GetHeld(), func(h *Held) txn.Held {
		return txn.Held{Group: h.GetGroup(), Version: h.GetVersion(), Hash: h.GetHash(), Ballot: readBallot(h.GetBallot()), Next: h.GetNext(), Acked: h.GetAcked()}
	})
	return x
}

func (r *reader) inscribe(i *Inscribe) txn.Inscribe {
	x := txn.Inscribe{Ballot: readBallot(i.GetBallot()), Group: i.GetGroup(), Disk: i.GetDisk(), At: int(i.GetAt() & 1)}
	if i.GetAt() > 1 {
		r.wrong(fmt.Errorf("slot %d", i.GetAt()))
	}
	switch what := i.GetWhat().(type) {
	case *Inscribe_Header:
		h := r.header(what.Header)
		x.Header = &h
	case *Inscribe_Slot:
		s, err := label.DecodeSlot(what.Slot)
		if err != nil {
			r.wrong(err)
		}
		x.Slot = s
	default:
		r.wrong(errors.New("nothing to write"))
	}
	return x
}

func (r *reader) result(x *Result) txn.Result {
	if x.GetOutcome() > uint32(txn.Unknown) {
		r.wrong(fmt.Errorf("outcome %d", x.GetOutcome()))
	}
	return txn.Result{ID: x.GetId(), Outcome: txn.Outcome(min(x.GetOutcome(), math.MaxUint8)), Version: x.GetVersion(), Why: x.GetWhy()}
}

func (r *reader) header(b []byte) label.Header {
	h, err := label.DecodeHeader(b)
	if err != nil {
		r.wrong(err)
	}
	return h
}

func readSlotHead(s *SlotHead) label.Slot {
	if s.GetHash() == "" {
		return label.Slot{}
	}
	return label.Slot{Group: s.GetGroup(), Version: s.GetVersion(), Ballot: readBallot(s.GetBallot()), Hash: s.GetHash(), Parent: s.GetParent()}
}

func readIdent(i *Ident) txn.Ident {
	return txn.Ident{Group: i.GetGroup(), Version: i.GetVersion(), Hash: i.GetHash(), Ballot: readBallot(i.GetBallot())}
}

func readBallot(b *Ballot) view.Ballot {
	return view.Ballot{View: view.Seq(b.GetView()), Start: b.GetStart(), Step: b.GetStep()}
}
