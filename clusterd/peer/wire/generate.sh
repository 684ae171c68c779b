#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes peer.pb.go. Needs protoc; protoc-gen-go comes from the module.
set -eu
bin=$(mktemp -d)
trap 'rm -r "$bin"' EXIT
go build -o "$bin" google.golang.org/protobuf/cmd/protoc-gen-go
PATH="$bin:$PATH" protoc --go_out=. --go_opt=paths=source_relative peer.proto
