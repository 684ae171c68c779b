// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Where a packet goes, as far as the gate cares: TCP over IPv4 or IPv6. */
#ifndef PLEXUS_PORTAL_H
#define PLEXUS_PORTAL_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_TCP 6
#define TCP_RST 0x04
#define EXTENSIONS_MAX 6 /* IPv6 extension headers looked through; a TCP of this host sends none or one */

struct portal_key {
	__u8 addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	__u16 port;    /* host order */
	__u16 pad;
};

struct segment {
	struct portal_key to;
	__u32 payload; /* bytes after the TCP header */
	__u32 rst;
};

/* Reads the TCP header at offset at; 0 when there is none. */
static __always_inline int read_tcp(struct __sk_buff *skb, __u32 at, struct segment *s)
{
	__u8 tcp[14];
	__u32 end;

	if (bpf_skb_load_bytes(skb, at, tcp, sizeof(tcp)))
		return 0;
	s->to.port = tcp[2] << 8 | tcp[3];
	s->rst = !!(tcp[13] & TCP_RST);
	end = at + (tcp[12] >> 4) * 4;
	/* A header longer than its packet is nobody's honest RST. */
	s->payload = skb->len >= end ? skb->len - end : 1;
	return 1;
}

static __always_inline int read_ipv4(struct __sk_buff *skb, struct segment *s)
{
	__u8 ip[20];

	if (bpf_skb_load_bytes(skb, 0, ip, sizeof(ip)))
		return 0;
	/* Only the first fragment has a TCP header; TCP's own packets are cut later than here. */
	if (ip[9] != IPPROTO_TCP || (ip[6] & 0x1f) || ip[7])
		return 0;
	s->to.addr[10] = s->to.addr[11] = 0xff;
	__builtin_memcpy(&s->to.addr[12], &ip[16], 4);
	return read_tcp(skb, (ip[0] & 0xf) * 4, s);
}

static __always_inline int read_ipv6(struct __sk_buff *skb, struct segment *s)
{
	__u8 ip[40], ext[4], next;
	__u32 at = sizeof(ip);
	int i;

	if (bpf_skb_load_bytes(skb, 0, ip, sizeof(ip)))
		return 0;
	__builtin_memcpy(s->to.addr, &ip[24], 16);
	next = ip[6];
#pragma unroll
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (next == IPPROTO_TCP)
			return read_tcp(skb, at, s);
		if (bpf_skb_load_bytes(skb, at, ext, sizeof(ext)))
			return 0;
		if (next == 0 || next == 43 || next == 60) /* hop-by-hop, routing, destination options */
			at += (ext[1] + 1) * 8;
		else if (next == 51) /* authentication */
			at += (ext[1] + 2) * 4;
		else if (next == 44 && !ext[2] && !(ext[3] & 0xf8)) /* first fragment */
			at += 8;
		else
			return 0;
		next = ext[0];
	}
	return next == IPPROTO_TCP ? read_tcp(skb, at, s) : 0;
}

/* Fills *s (zeroed by the caller); 0 when the packet is not TCP. */
static __always_inline int read_segment(struct __sk_buff *skb, struct segment *s)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return read_ipv4(skb, s);
	if (skb->protocol == bpf_htons(ETH_P_IPV6))
		return read_ipv6(skb, s);
	return 0;
}

#endif
