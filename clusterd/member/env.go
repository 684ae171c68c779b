// SPDX-License-Identifier: Apache-2.0

package member

import (
	"fmt"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Env carries actions out: the daemon with its files, links and gate, or a simulated world. Only Persist and SetLease
// can fail; a failure of either must end the process, because what follows rests on them. All others return at once
// and report what became of them by events.
type Env interface {
	Persist(Persist) error
	SetLease(view.Lease) error
	Send(to view.NodeID, msg Message)
	Hold()
	Release()
	Close()
	Leave(view.Reason)
	Stopped(view.Reason)
	SetView(v view.View, index uint64)
	SetPeers([]Record)
	ShowHome(view.Home)
	Preempt(m view.Member, index uint64)
	Reply(Reply)
	Note(string)
}

// Do carries the actions out in order and stops at the first that fails.
func Do(env Env, actions []Action) error {
	for _, a := range actions {
		if err := a.do(env); err != nil {
			return fmt.Errorf("%v: %w", a, err)
		}
	}
	return nil
}

func (a Persist) do(e Env) error  { return e.Persist(a) }
func (a SetLease) do(e Env) error { return e.SetLease(a.Lease) }
func (a Send) do(e Env) error     { e.Send(a.To, a.Msg); return nil }
func (Hold) do(e Env) error       { e.Hold(); return nil }
func (Release) do(e Env) error    { e.Release(); return nil }
func (Close) do(e Env) error      { e.Close(); return nil }
func (a Leave) do(e Env) error    { e.Leave(a.Reason); return nil }
func (a Stopped) do(e Env) error  { e.Stopped(a.Reason); return nil }
func (a SetView) do(e Env) error  { e.SetView(a.View, a.Index); return nil }
func (a SetPeers) do(e Env) error { e.SetPeers(a.Nodes); return nil }
func (a ShowHome) do(e Env) error { e.ShowHome(a.Home); return nil }
func (a Preempt) do(e Env) error  { e.Preempt(a.Member, a.Index); return nil }
func (a Reply) do(e Env) error    { e.Reply(a); return nil }
func (a Note) do(e Env) error     { e.Note(a.Text); return nil }
