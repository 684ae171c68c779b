// SPDX-License-Identifier: Apache-2.0

package member

import (
	"errors"
	"fmt"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// requests of this node wait here until their entry is applied. They are repeated; entries are made so that doing one
// twice is doing it once.
type requests struct{ list []waiting }

type waiting struct {
	id    uint64
	entry Entry
	since view.Tick
	tried view.Tick
}

var errNoLeader = errors.New("no leader answered; is a majority of the cluster's nodes up and connected?")

func (m *Machine) request(e Request) {
	switch e.Entry.(type) {
	case Enroll, MakeToken, SetHome, Condemn:
	default:
		m.act(Reply{ID: e.ID, Err: fmt.Errorf("%v: only the leader may ask for this", e.Entry)})
		return
	}
	switch {
	case e.ID == 0 || slices.ContainsFunc(m.asked.list, func(w waiting) bool { return w.id == e.ID }):
		m.act(Reply{ID: e.ID, Err: fmt.Errorf("%v: the request id %d is taken", e.Entry, e.ID)})
	case m.node == nil:
		m.act(Reply{ID: e.ID, Err: fmt.Errorf("%v: this node is in no cluster", e.Entry)})
	case len(m.asked.list) >= requestsMax:
		m.act(Reply{ID: e.ID, Err: fmt.Errorf("%v: %d requests wait already", e.Entry, requestsMax)})
	default:
		m.asked.list = append(m.asked.list, waiting{id: e.ID, entry: e.Entry, since: m.now, tried: m.now})
		m.sendLeader(Forward{ID: e.ID, Entry: e.Entry})
	}
}

func (m *Machine) tickRequests() {
	keep := m.asked.list[:0]
	for _, w := range m.asked.list {
		if m.now.Sub(w.since) > requestLimit {
			m.act(Reply{ID: w.id, Err: fmt.Errorf("%v: %w", w.entry, errNoLeader)})
			continue
		}
		if m.now.Sub(w.tried) >= m.beats(retryEvery) {
			w.tried = m.now
			m.sendLeader(Forward{ID: w.id, Entry: w.entry})
		}
		keep = append(keep, w)
	}
	m.asked.list = keep
}

// answer replies to a request whose entry was applied here.
func (m *Machine) answer(id uint64, node view.NodeID, err error) {
	i := slices.IndexFunc(m.asked.list, func(w waiting) bool { return w.id == id })
	if i < 0 {
		return // answered before, or of a former life
	}
	m.asked.list = slices.Delete(m.asked.list, i, i+1)
	m.act(Reply{ID: id, Node: node, Err: err})
}
