// SPDX-License-Identifier: Apache-2.0

// Package wire gives the messages of package member their form in bytes, protobuf as in member.proto, so that a link
// between two nodes only moves bytes. Unmarshal takes bytes from anywhere: it refuses what is too long, what names
// nothing or too much, and messages that a raft library must never be fed from outside.
package wire

//go:generate protoc --plugin=protoc-gen-go=../../../bin/protoc-gen-go --go_out=. --go_opt=paths=source_relative member.proto
