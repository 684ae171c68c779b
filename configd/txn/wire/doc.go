// SPDX-License-Identifier: Apache-2.0

// Package wire is the messages of configd's transactions as bytes: the payload of one frame of the peer link, in
// protobuf. It owns the schema in txn.proto and nothing else; what the messages mean is in the package txn.
//
//	txn.Message --Marshal--> Message{from, view, start, oneof body} --Unmarshal--> txn.Message
//
// Label headers and slots travel as the sectors that label writes to a disk, so that a reader checks them as it would
// check a disk: magic, checksum, every field. A group's text travels as it stands on disk.
//
// Unmarshal takes nothing longer than BytesMax, and refuses a message without a body that this version knows. What it
// returns is well formed, and no more: that a hash is a hash of the text beside it is for the machine to see.
//
// Marshal and Unmarshal hold no state and are safe for concurrent use.
package wire

//go:generate sh generate.sh
