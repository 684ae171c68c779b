//go:build vm

// SPDX-License-Identifier: Apache-2.0

package vmtests

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"
)

var kernelFlag = flag.String("kernel", "", "the kernel series to test on; empty means all")

// What a guest may take to be up. The aims are 10 s for a kernel guest and 30 s for a node on an idle machine of two cores; a loaded
// one is given twice that.
const (
	kernelGuestUpMax = 20 * time.Second
	nodeUpMax        = 60 * time.Second
)

// testLimit bounds one test of this package.
const testLimit = 10 * time.Minute

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	t.Cleanup(cancel)
	return ctx
}

// seriesUnderTest is what -kernel chose.
func seriesUnderTest() []string {
	if *kernelFlag != "" {
		return []string{*kernelFlag}
	}
	return KernelSeries()
}

func TestAKernelGuestIsUpInSeconds(t *testing.T) {
	for _, series := range seriesUnderTest() {
		t.Run(series, func(t *testing.T) {
			ctx := testContext(t)
			g, err := StartKernelGuest(ctx, KernelOptions{Kernel: series, Log: t.Logf})
			if err != nil {
				t.Fatal(err)
			}
			defer g.Close()
			if !strings.HasPrefix(g.Release(), series+".") {
				t.Errorf("release %s, want %s", g.Release(), series)
			}
			if g.BootTook() > kernelGuestUpMax {
				t.Errorf("up in %v, want %v at most", g.BootTook(), kernelGuestUpMax)
			}
			if err := g.Modprobe(ctx, "scsi_debug", "dev_size_mb=16"); err != nil {
				t.Error(err)
			}
			if err := g.Put(ctx, "/tmp/x/y", 0o600, strings.NewReader("hello")); err != nil {
				t.Error(err)
			}
			if b, err := g.Get(ctx, "/tmp/x/y"); err != nil || string(b) != "hello" {
				t.Errorf("got %q, %v", b, err)
			}
			if err := g.CheckKernelLog(ctx); err != nil {
				t.Error(err)
			}
			start := time.Now()
			if err := g.PowerOff(ctx); err != nil {
				t.Error(err)
			}
			t.Logf("off in %v", time.Since(start))
		})
	}
}
