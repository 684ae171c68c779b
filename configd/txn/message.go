// SPDX-License-Identifier: Apache-2.0

package txn

import (
	"fmt"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/label"
)

// Message is what one configd tells another. Head says in which view and by which life of the sender; a message of an
// older view or life is refused, one of a later view too: whoever waits for an answer asks again.
type Message struct {
	Head Head
	Body Body
}

// Head stands before each message.
type Head struct {
	From  view.NodeID
	View  view.Seq
	Start uint64 // of the sender's configd
}

func (m Message) String() string {
	return fmt.Sprintf("%v from %d in view %d start %d", m.Body, m.Head.From, m.Head.View, m.Head.Start)
}

// Body is one of the messages below, as a value, never a pointer.
type Body interface {
	fmt.Stringer
	message()
}

// The configuration join, and what a node says to a new master.
type (
	// Announce: this master takes joins. It is repeated until each node of the view has joined.
	Announce struct{}
	// Join asks for the shared groups. It carries all that a master must know of a node before it decides anything.
	Join struct {
		Attempt  uint64 // counts the joins of one life of the sender; the answer repeats it
		Cluster  view.ClusterID
		Inc      view.Incarnation
		Protocol Protocol
		Labels   []label.Copy // of the disks that it can reach, without the texts
		Held     []Held       // what it knows of each shared group
	}
	// Refuse ends a join.
	Refuse struct {
		Attempt uint64
		Reason  view.Reason
		Why     string
	}
	// Offer names the shared groups as they are decided, each under the ballot of the decision.
	Offer struct {
		Attempt uint64
		Round   uint64 // counts the offers of one life of the master; the answer repeats it
		Groups  []Ident
	}
	// Fetch asks for the text with that hash.
	Fetch struct {
		Group string
		Hash  string
	}
	// Text answers Fetch.
	Text struct {
		Group string
		Text  string
	}
	// Ready: the joiner has loaded the tables of all the groups offered.
	Ready struct{ Attempt, Round uint64 }
	// Declined: the joiner cannot follow.
	Declined struct {
		Attempt uint64
		Reason  view.Reason
		Why     string
	}
	// Welcome: the master counts the joiner among the participants from here on.
	Welcome struct{ Attempt uint64 }
)

// The transaction. Tx is the ballot under which it was proposed.
type (
	// Propose asks for a vote on the next configuration of a group.
	Propose struct {
		Tx      view.Ballot
		Group   string
		Base    uint64 // version that the sender takes for the one in force; zero for a new group
		Hash    string // of Text
		Text    string
		Writers []Writer // one for each label copy
	}
	// Vote answers Propose.
	Vote struct {
		Tx  view.Ballot
		Yes bool
		Why string
	}
	// Prepare asks to load the tables and to suspend the volumes that change.
	Prepare struct{ Tx view.Ballot }
	// Prepared answers Prepare.
	Prepared struct {
		Tx  view.Ballot
		Yes bool
		Why string
	}
	// Commit: the next configuration is the group's.
	Commit struct {
		Tx    view.Ballot
		Ident Ident
	}
	// Abort: the base is still the group's configuration. Decision is its ballot; zero where nothing had been prepared.
	Abort struct {
		Tx       view.Ballot
		Decision view.Ballot
		Group    string
	}
	// Applied answers Commit and Abort: the tables are those of the decision.
	Applied struct {
		Tx view.Ballot
		Ok bool
		// Why says what keeps the tables from following; the sender leaves on its own.
		Why string
	}
)

// Writing a label copy for a master that cannot reach it, and changes asked for on a slave.
type (
	// Inscribe asks for a write on a label copy: a text into one of its slots, or a header.
	Inscribe struct {
		Ballot view.Ballot // older than one already written to the disk: refused
		Group  string
		Disk   string
		At     int           // which slot
		Slot   label.Slot    // where Header is nil
		Header *label.Header // nil: Slot
	}
	// Inscribed answers Inscribe.
	Inscribed struct {
		Ballot view.Ballot
		Group  string
		Disk   string
		Header bool // which of the two it was
		Ok     bool
		Why    string
	}
	// Forward passes a client's request on to the master.
	Forward struct {
		ID     uint64 // grows in one life of the sender, one at a time
		Master uint64 // start of the receiver's configd: another life must not make the change a second time
		Group  string
		Base   uint64
		Change string // canonical text
	}
	// Result answers Forward.
	Result struct {
		ID      uint64
		Outcome Outcome
		Version uint64
		Why     string
	}
)

// Protocol is the range of message versions that a node speaks.
type Protocol struct{ Min, Max uint32 }

// ProtocolNow is what this code speaks.
var ProtocolNow = Protocol{Min: 1, Max: 1}

// Meets reports whether the two have a version in common.
func (p Protocol) Meets(q Protocol) bool { return p.Min <= q.Max && q.Min <= p.Max }

// Ident is one version of a group.
type Ident struct {
	Group   string // id
	Version uint64
	Hash    string
	Ballot  view.Ballot // of the decision for it
}

// Held is what a node knows of a group.
type Held struct {
	Group   string
	Version uint64 // in force there; zero is none
	Hash    string
	Ballot  view.Ballot
	Next    uint64 // proposed and not decided; zero is none
	Acked   bool   // its devices are suspended for Next
}

// Writer names the one node that writes a label copy in a transaction.
type Writer struct {
	Disk string
	Node view.NodeID
}

// Outcome of a client's request.
type Outcome uint8

const (
	Refused Outcome = iota // nothing changed anywhere
	Done                   // committed
	Unknown                // this node cannot tell; the group's next master decides
)

var outcomeWords = [...]string{"refused", "done", "unknown"}

func (o Outcome) String() string { return word(outcomeWords[:], o) }

func word[T ~uint8](words []string, i T) string {
	if int(i) < len(words) {
		return words[i]
	}
	return fmt.Sprintf("%T(%d)", i, i)
}

func (Announce) message()  {}
func (Join) message()      {}
func (Refuse) message()    {}
func (Offer) message()     {}
func (Fetch) message()     {}
func (Text) message()      {}
func (Ready) message()     {}
func (Declined) message()  {}
func (Welcome) message()   {}
func (Propose) message()   {}
func (Vote) message()      {}
func (Prepare) message()   {}
func (Prepared) message()  {}
func (Commit) message()    {}
func (Abort) message()     {}
func (Applied) message()   {}
func (Inscribe) message()  {}
func (Inscribed) message() {}
func (Forward) message()   {}
func (Result) message()    {}

// list prints the elements with commas between them, or "-".
func list[T any](xs []T, each func(T) string) string {
	if len(xs) == 0 {
		return "-"
	}
	words := make([]string, len(xs))
	for i, x := range xs {
		words[i] = each(x)
	}
	return strings.Join(words, ",")
}
