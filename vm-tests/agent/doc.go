// SPDX-License-Identifier: Apache-2.0

// Package agent runs commands and moves files inside a guest, over one byte stream.
//
// The stream is a virtio-serial port: it works with any kernel that has virtio_console, needs no network (so a test may cut
// every network of a guest and still look inside), and lives exactly as long as the QEMU process behind it. Several
// requests share it; each has a number chosen by the client.
//
//	client (the harness)                     server (in the guest)
//	        <-- hello {release, boot} --            once, when the port is opened
//	open 7 {argv, env, dir} -->                     or put {path}, or get {path}
//	data 7 ...              -->                     standard input, at most windowFrames not yet acknowledged
//	        <-- ack 7 --                            one for each data frame that the process has taken
//	eof 7                   -->
//	signal 7 {9}            -->
//	        <-- stdout 7 ... / stderr 7 ... --
//	        <-- exit 7 {code, signal, error} --     always the last frame of a request
//
// A frame is a 9-byte head, length u32 | kind u8 | request u32 (big endian), and at most frameBytesMax of payload.
//
// Client and Serve are safe for concurrent use in the sense that any number of requests may run at once; the writers handed
// to a request are called from one goroutine, the reader of the stream, and must not block for long: a blocked writer
// stops every other request of that guest.
package agent
