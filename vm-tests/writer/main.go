// SPDX-License-Identifier: Apache-2.0

// Writer is the program that trials run in a guest: it writes numbered blocks (package blocks) to a volume with
// O_DIRECT, until its time or count is over, SIGTERM comes, or a write fails, and prints one JSON report. It opens the
// volume once and never tries a failed write again: what an application sees is what it reports.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/vm-tests/blocks"
)

type options struct {
	node   uint32
	run    uint64
	blocks int
	count  uint64
	limit  time.Duration
	status string
}

// report is what one run did; times are CLOCK_BOOTTIME of the guest.
type report struct {
	Written      uint64    `json:"written"`       // acknowledged writes
	Last         uint64    `json:"last"`          // number of the newest acknowledged write
	LastDone     view.Tick `json:"last_done"`     // when it was acknowledged
	Error        string    `json:"error"`         // of the write that failed; empty if none did
	Errno        int       `json:"errno"`         //
	FailedAt     view.Tick `json:"failed_at"`     // when it failed
	LongestPause int64     `json:"longest_pause"` // longest time that one write took, nanoseconds
	Start        view.Tick `json:"start"`
	End          view.Tick `json:"end"`
}

func main() {
	var o options
	pflag.Uint32Var(&o.node, "node", 0, "node id put into each block")
	pflag.Uint64Var(&o.run, "run", 1, "run id put into each block")
	pflag.IntVar(&o.blocks, "blocks", 1024, "size of the region in blocks of 4 KiB")
	pflag.Uint64Var(&o.count, "count", 0, "stop after so many writes (0: no limit)")
	pflag.DurationVar(&o.limit, "for", time.Hour, "stop after so long")
	pflag.StringVar(&o.status, "report", "", "write the report here too, at the end")
	pflag.Parse()
	if pflag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "writer: usage: writer [flags] DEVICE")
		os.Exit(3)
	}
	r, err := write(pflag.Arg(0), o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "writer:", err)
		os.Exit(5)
	}
	out, _ := json.Marshal(r)
	fmt.Println(string(out))
	if o.status != "" {
		if err := os.WriteFile(o.status, append(out, '\n'), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "writer:", err)
			os.Exit(5)
		}
	}
}

func write(path string, o options) (report, error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		return report{}, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	buf, err := unix.Mmap(-1, 0, blocks.Size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return report{}, fmt.Errorf("map a buffer: %w", err)
	}
	r := report{Start: boottime()}
	for n := uint64(1); ctx.Err() == nil && (o.count == 0 || n <= o.count) && boottime().Sub(r.Start) < o.limit; n++ {
		at := boottime()
		blocks.Block{Node: view.NodeID(o.node), Run: o.run, Num: n, Submitted: at}.Encode(buf)
		_, err := unix.Pwrite(fd, buf, int64(n%uint64(o.blocks))*blocks.Size)
		done := boottime()
		r.LongestPause = max(r.LongestPause, int64(done.Sub(at)))
		if err != nil {
			r.Error, r.FailedAt = err.Error(), done
			var errno unix.Errno
			if errors.As(err, &errno) {
				r.Errno = int(errno)
			}
			break
		}
		r.Written, r.Last, r.LastDone = r.Written+1, n, done
	}
	r.End = boottime()
	return r, nil
}

func boottime() view.Tick {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("BUG: clock_gettime(CLOCK_BOOTTIME): " + err.Error())
	}
	return view.Tick(ts.Nano())
}
