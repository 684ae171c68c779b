#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes txn.pb.go from txn.proto, with protoc of the system and protoc-gen-go at the version in go.mod.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
go build -o "$dir/protoc-gen-go" google.golang.org/protobuf/cmd/protoc-gen-go
protoc --plugin="$dir/protoc-gen-go" --go_out=. --go_opt=paths=source_relative txn.proto
