// SPDX-License-Identifier: Apache-2.0

// Plexus-configd keeps the disk groups of this node: it makes every change of a shared group one transaction with the
// configds of the other members, and carries the outcome to device-mapper. See package loop.
package main

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/plexus-cvm/plexus/bpf"
	member "github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/daemon"
	"github.com/plexus-cvm/plexus/clusterd/store"
	"github.com/plexus-cvm/plexus/configd/api"
	"github.com/plexus-cvm/plexus/configd/disk"
	"github.com/plexus-cvm/plexus/configd/loop"
	"github.com/plexus-cvm/plexus/dm/kernel"
	"github.com/plexus-cvm/plexus/dm/udev"
)

const own = "configd" // directory in the state directory

func main() { daemon.Main("plexus-configd", own, api.Socket, bpf.PinDir, start) }

func start(h daemon.Host) (daemon.Loop, http.Handler, func(), error) {
	dir := filepath.Join(h.State, own)
	numbers, err := store.OpenNumbers(store.Disk, dir)
	if err != nil {
		return nil, nil, nil, err
	}
	first, err := numbers.NextStart()
	if err != nil {
		return nil, nil, nil, err
	}
	homes, err := store.OpenHomes(store.Disk, dir)
	if err != nil {
		return nil, nil, nil, err
	}
	control, err := kernel.Open(udev.New())
	if err != nil {
		return nil, nil, nil, err
	}
	l := loop.New(loop.Config{
		Settings: h.Settings, PKI: filepath.Join(h.State, "pki"), PID: os.Getpid(), Start: first, Homes: homes,
		Host: disk.System(), Kernel: control, Gate: func() (bpf.Gate, error) { return adopt(h.Pins) }, Diskseq: bpf.Diskseq,
		Clusterd: member.Dial(filepath.Join(h.Run, filepath.Base(member.Socket))), Log: h.Log, Beat: daemon.Beat,
	})
	return l, api.Handler(l), func() { _ = control.Close() }, nil
}

// adopt takes the gate that clusterd has loaded.
func adopt(pins string) (bpf.Gate, error) {
	g, err := bpf.Adopt(pins)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no gate is pinned in " + pins)
	}
	if err != nil {
		return nil, err
	}
	return g, g.SetSelf(bpf.SelfConfigd, os.Getpid())
}
