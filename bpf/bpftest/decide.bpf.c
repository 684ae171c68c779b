//go:build ignore

// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
//
// The pure parts of the gate as programs that a test can run on inputs of its own (BPF_PROG_TEST_RUN), to compare them
// with what is written in Go. Never attached to anything.

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "command.h"
#include "decide.h"
#include "portal.h"

#define BAD_INPUT -1

/* The packet is a struct ask, the return value the verdict. */
SEC("tc")
int test_decide(struct __sk_buff *skb)
{
	struct ask a;

	if (bpf_skb_load_bytes(skb, 0, &a, sizeof(a)))
		return BAD_INPUT;
	return decide(&a);
}

/* The packet is the ioctl's number and the first two bytes of the command block, the return value the op. */
SEC("tc")
int test_command(struct __sk_buff *skb)
{
	struct {
		__u32 cmd;
		__u8 cdb[4];
	} in;

	if (bpf_skb_load_bytes(skb, 0, &in, sizeof(in)))
		return BAD_INPUT;
	return command_op(in.cmd, in.cdb[0], in.cdb[1]);
}

char _license[] SEC("license") = "GPL";
