// SPDX-License-Identifier: Apache-2.0

package member

import "fmt"

// quiet is raft's logger: what matters of raft shows in the actions. Only its panics speak.
type quiet struct{}

func (quiet) Debug(...any)            {}
func (quiet) Debugf(string, ...any)   {}
func (quiet) Error(...any)            {}
func (quiet) Errorf(string, ...any)   {}
func (quiet) Info(...any)             {}
func (quiet) Infof(string, ...any)    {}
func (quiet) Warning(...any)          {}
func (quiet) Warningf(string, ...any) {}

func (quiet) Fatal(v ...any)            { panic("BUG: raft: " + fmt.Sprint(v...)) }
func (quiet) Fatalf(f string, v ...any) { panic("BUG: raft: " + fmt.Sprintf(f, v...)) }
func (quiet) Panic(v ...any)            { panic("BUG: raft: " + fmt.Sprint(v...)) }
func (quiet) Panicf(f string, v ...any) { panic("BUG: raft: " + fmt.Sprintf(f, v...)) }
