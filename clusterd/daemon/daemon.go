// SPDX-License-Identifier: Apache-2.0

// Package daemon is what clusterd and configd have in common as programs: their flags, their log, how they keep from
// waiting for themselves, how they speak with systemd, and how they end.
//
//	Main: flags, root, settings, directories, lock, memory -> the daemon's own start -> Serve: api and loop until a
//	      signal comes, the loop ends, or either fails -> exit code (0 ok, 3 bad command line, 5 failed)
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/settings"
	"github.com/plexus-cvm/plexus/clusterd/store"
)

// Host is where a daemon keeps its things, from its flags.
type Host struct {
	Settings settings.Settings
	State    string // /var/lib/plexus
	Run      string // /run/plexus
	Pins     string // of the gate
	Log      *slog.Logger
}

// Loop is a daemon's loop.
type Loop interface {
	Run(context.Context) error
}

// Start makes a daemon's loop and the handler of its api; close gives back what the loop needed.
type Start func(Host) (l Loop, h http.Handler, close func(), err error)

// Main runs a daemon, which is called name, keeps its own files in the directory own of the state directory, and whose
// socket is named as the given one. It does not return.
func Main(name, own, socket, pins string, start Start) {
	h, config, code := parse(name, pins, os.Args[1:], os.Stderr)
	if code < 0 {
		code = exitOK
		if err := run(h, config, own, filepath.Base(socket), start); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			code = exitFailed
		}
	}
	os.Exit(code)
}

// The exit codes, which are those of the command.
const (
	exitOK     = 0
	exitUsage  = 3
	exitFailed = 5
)

// parse reads the command line. The code is negative where the daemon is to run, else what to exit with at once.
func parse(name, pins string, args []string, stderr io.Writer) (h Host, config string, code int) {
	flags := pflag.NewFlagSet(name, pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&config, "config", settings.Path, "settings file")
	flags.StringVar(&h.State, "state-dir", "/var/lib/plexus", "what the node remembers")
	flags.StringVar(&h.Run, "run-dir", "/run/plexus", "sockets and fence sets")
	flags.StringVar(&h.Pins, "pin-dir", pins, "where the gate is pinned")
	verbose := flags.Bool("verbose", false, "log every event and action")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return h, config, exitOK
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\nhint: `%s --help` lists the flags\n", name, err, name)
		return h, config, exitUsage
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	h.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: noTime}))
	return h, config, -1
}

// noTime leaves the time of a line to the journal.
func noTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func run(h Host, config, own, socket string, start Start) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("start: only root may open disks and tables; run it as root")
	}
	if h.Settings, err = settings.Load(config); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Join(h.State, own), h.Run} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	if err := store.CheckPlace(h.State); err != nil {
		return err
	}
	lock, err := store.Acquire(filepath.Join(h.State, own))
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := stayAlive(); err != nil {
		return err
	}
	l, handler, done, err := start(h)
	if err != nil {
		return err
	}
	defer done()
	return serve(l, handler, filepath.Join(h.Run, socket), ready)
}

func ready() { _, _ = daemon.SdNotify(false, daemon.SdNotifyReady) }

// serve runs the loop and its api until a signal comes or the loop ends. It calls ready when it listens.
func serve(l Loop, h http.Handler, path string, ready func()) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	socket, err := api.Listen(path)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	ctx, end := context.WithCancel(ctx)
	group.Go(func() error { return api.Serve(ctx, socket, h) })
	group.Go(func() error {
		defer end()
		return l.Run(ctx)
	})
	ready()
	err = group.Wait()
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	return err
}

// Beat tells systemd that the loop goes round.
func Beat() { _, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog) }

// stayAlive keeps the process from waiting for memory that can only be had by writing to a volume that it has suspended
// itself.
func stayAlive() error {
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE); err != nil {
		return fmt.Errorf("lock memory: %w; the unit must allow LimitMEMLOCK=infinity", err)
	}
	if err := unix.Prctl(unix.PR_SET_IO_FLUSHER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become an I/O flusher: %w; this needs CAP_SYS_RESOURCE", err)
	}
	return nil
}
