// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestViewCheckNamesTheRule(t *testing.T) {
	one, two := Member{Node: 1, Inc: 1}, Member{Node: 2, Inc: 3}
	for _, c := range []struct {
		view View
		want string
	}{
		{View{Seq: 1, Members: []Member{one, two}, Master: 1}, ""},
		{View{Seq: 1, Members: []Member{two, one}, Master: 1}, "out of order"},
		{View{Seq: 1, Members: []Member{one}, Joining: []Member{one}, Master: 1}, "both member and joining"},
		{View{Seq: 1, Members: []Member{one}, Master: 2}, "master 2"},
		{View{Seq: 1, Members: []Member{{Node: 1, Inc: 1, Witness: true}}, Master: 1}, "master 1"},
		{View{Seq: 1, Members: []Member{{Node: 65, Inc: 1}}}, "not in 1..64"},
		{View{Seq: 1, Members: []Member{{Node: 1}}}, "no incarnation"},
	} {
		err := c.view.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%v: got %v, want %q", c.view, err, c.want)
		}
	}
}

func TestTimesKeepTheLeaseLaw(t *testing.T) {
	for _, hb := range []time.Duration{10 * time.Millisecond, HeartbeatDefault, time.Second, 10 * time.Second} {
		if err := TimesFrom(hb).Check(); err != nil {
			t.Errorf("heartbeat %v: %v", hb, err)
		}
	}
	short := TimesFrom(HeartbeatDefault)
	short.Lease = 3 * short.ElectionMax
	if short.Check() == nil {
		t.Error("a lease of three elections was accepted")
	}
}

func TestEveryReasonHasWords(t *testing.T) {
	for r, words := range reasonWords {
		if words == "" || !r.Known() {
			t.Errorf("reason %q has no words", r)
		}
	}
	if Reason("nonsense").Known() {
		t.Error("an unknown reason is known")
	}
}

func TestFenceLevelsAreOrdered(t *testing.T) {
	if !FenceReservation.AtLeast(FenceWire) || FenceBio.AtLeast(FenceWire) || FenceLevel("x").AtLeast(FenceNone) {
		t.Error("fence levels are out of order")
	}
}

func TestALeaseStateIsAWordInJSON(t *testing.T) {
	for state, want := range map[LeaseState]string{LeaseNone: "none", LeaseJoining: "joining", LeaseRunning: "running", LeaseFenced: "fenced"} {
		text, err := json.Marshal(Lease{State: state})
		if err != nil || !strings.Contains(string(text), `"state":"`+want+`"`) {
			t.Errorf("%v: %s, %v", state, text, err)
		}
		var back Lease
		if err := json.Unmarshal(text, &back); err != nil || back.State != state {
			t.Errorf("%s: read %v, %v", text, back.State, err)
		}
	}
	var s LeaseState
	if err := json.Unmarshal([]byte(`"open"`), &s); err == nil {
		t.Error("a word that is no lease state was read")
	}
}
