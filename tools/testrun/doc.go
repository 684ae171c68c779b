// SPDX-License-Identifier: Apache-2.0

// Command testrun runs the project's test stages one after another and says at the end what happened. `make test` and
// `make check` are thin names for it.
//
// A stage is one command. Either its exit status alone says how it went, or it is a `go test -json` whose events are
// read: every test is counted, a failing one has its output printed, and every skipped one is remembered with the reason
// that it gave.
//
//	stages.go   the list of stages, in order
//	process.go  a command in its own process group, which ends as a whole
//	events.go   events of `go test -json` -> tests, skips, failures
//	skips.go    the committed list of skips that CI accepts
//	run.go      stages -> progress lines -> the closing report
//
// The run has one time budget. When it is used up, or when the run is interrupted, the process group of the running
// stage first gets SIGINT, so that it can take down its guests and namespaces, and after graceTime SIGKILL.
//
// With CI=true a skip that the file .ci/skips does not list is a failure. The last line of the output is always
//
//	N passed, N failed, N skipped
//
// and the exit status is 0 only if nothing failed: 1 after a failure, 3 for a bad command line.
package main
