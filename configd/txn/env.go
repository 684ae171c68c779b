// SPDX-License-Identifier: Apache-2.0

package txn

// Env carries actions out: the daemon's edges in production, fakes in a simulation. None of its methods waits, and none
// calls the machine; the end of an action comes back as an event of a later Step. Actions must begin in the order of
// the slice. Those of one disk, and those of one group's devices, must not overtake each other.
type Env interface {
	Scan(Scan)
	Write(Write)
	PutHome(PutHome)
	Send(Send)
	Guard(Guard)
	Hand(Hand)
	Load(Load)
	Resume(Resume)
	Clear(Clear)
	Revive(Revive)
	Fail(Fail)
	Leave(Leave)
	Accuse(Accuse)
	ReportJoin(ReportJoin)
	Answer(Answer)
	Arm(Arm)
}

// Do carries the actions out in order.
func Do(env Env, actions []Action) {
	for _, a := range actions {
		a.act(env)
	}
}
