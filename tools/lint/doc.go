// SPDX-License-Identifier: Apache-2.0

// Package lint holds the rules of the house. Each rule is a function from the source tree to findings; the tests apply
// every rule to this tree, and each rule to a small tree that breaks it.
//
// A finding names the place, what is wrong, and the cure. A rule that must let something through says so in a list in
// its own file, with the reason, never by a comment at the place.
//
//	tree.go       the source tree, read and parsed once
//	layout.go     what lies where, how packages are called, how long a file is
//	law.go        who may import whom
//	pure.go       what a pure package may not do
//	unsafe.go     where unsafe, cgo and other programs may be used
//	errors.go     how errors, panics, skips and waits are written
//	words.go      words that do not belong here
//	headers.go    licence lines and package documentation
//	format.go     gofmt
//	generated.go  generated files equal what their generators make today
package lint
