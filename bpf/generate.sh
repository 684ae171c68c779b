#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the BPF programs with clang 14 and writes the Go files that carry them. With an argument, into that directory
# instead of here: this is how the test that compares them with the committed ones asks.
set -eu
cd "$(dirname "$0")"
to=$(realpath "${1:-.}")
mkdir -p "$to/bpftest"
# linux/types.h needs asm/types.h, which Debian and Ubuntu keep in a directory named after the machine.
cflags="-O2 -Wall -Werror -I/usr/include/$(uname -m)-linux-gnu -I."
go tool bpf2go -go-package bpf -output-dir "$to" -target bpfel -no-global-types -cflags "$cflags" gate gate.bpf.c
go tool bpf2go -go-package bpftest -output-dir "$to/bpftest" -target bpfel -no-global-types -cflags "$cflags" decide bpftest/decide.bpf.c
