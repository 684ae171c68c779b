// SPDX-License-Identifier: Apache-2.0

// Package wire is the framing of the peer link: one protobuf Frame after another, each preceded by its length.
//
//	+----------------+-----------------------------------------------+
//	| varint: length | Frame{hello | refusal | payload | alive}      |  length <= the reader's limit
//	+----------------+-----------------------------------------------+
//
// A reader sets its limit: small until the Hello has been checked, BytesMax after. Nothing is allocated for a frame
// that says it is longer. Reader and Writer are each for one goroutine.
package wire

//go:generate sh generate.sh
