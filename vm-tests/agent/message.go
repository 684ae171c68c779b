// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Hello is what a guest says of itself when its agent comes up.
type Hello struct {
	Release string `json:"release"` // kernel release, as uname -r
	Boot    string `json:"boot"`    // the kernel's boot id: another one means another boot
}

// Request asks for one thing: exactly one of Argv, Put, Get and KernelLog is set.
type Request struct {
	Argv []string `json:"argv,omitempty"`
	Env  []string `json:"env,omitempty"` // added to the agent's own
	Dir  string   `json:"dir,omitempty"`

	Put  string `json:"put,omitempty"`  // write standard input to this path, made whole and renamed
	Mode uint32 `json:"mode,omitempty"` // permission bits for Put
	Get  string `json:"get,omitempty"`  // send this path on standard output

	KernelLog bool `json:"kernel_log,omitempty"` // send the kernel's log buffer on standard output
}

// check says why a request makes no sense.
func (r Request) check() error {
	set := 0
	for _, is := range []bool{len(r.Argv) > 0, r.Put != "", r.Get != "", r.KernelLog} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return errors.New("request: exactly one of argv, put, get and kernel_log is needed")
	case len(r.Argv) > argumentsMax:
		return fmt.Errorf("request: %d arguments, the limit is %d", len(r.Argv), argumentsMax)
	}
	return nil
}

// Exit is how a request ended.
type Exit struct {
	Code   int    `json:"code"`             // exit code; -1 when ended by a signal or never started
	Signal string `json:"signal,omitempty"` // name of the signal that ended the process
	Error  string `json:"error,omitempty"`  // why the request could not be carried out at all
}

func (e Exit) String() string {
	switch {
	case e.Error != "":
		return e.Error
	case e.Signal != "":
		return "ended by signal " + e.Signal
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// Ok says whether the request did what was asked.
func (e Exit) Ok() bool { return e.Code == 0 && e.Signal == "" && e.Error == "" }

type signalMessage struct {
	Signal int `json:"signal"`
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("BUG: encode %T: %v", v, err))
	}
	return b
}

func decodeRequest(b []byte) (Request, error) {
	var r Request
	if err := json.Unmarshal(b, &r); err != nil {
		return Request{}, fmt.Errorf("decode request: %w", err)
	}
	return r, r.check()
}
