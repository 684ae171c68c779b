// SPDX-License-Identifier: Apache-2.0

// Plexus-clusterd decides together with its peers who is in the cluster, renews this node's lease in the gate, and takes
// the shared disks away when the node must leave. See package loop.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/plexus-cvm/plexus/bpf"
	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/daemon"
	"github.com/plexus-cvm/plexus/clusterd/loop"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/store"
	"github.com/plexus-cvm/plexus/dm/kernel"
)

func main() { daemon.Main("plexus-clusterd", ".", api.Socket, bpf.PinDir, start) }

// start leaves what it has opened to the end of the process where it fails: then the process ends.
func start(h daemon.Host) (daemon.Loop, http.Handler, func(), error) {
	gate, err := bpf.Load(h.Pins)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("start: %w", err)
	}
	control, err := kernel.Open(nil)
	if err != nil {
		return nil, nil, nil, err
	}
	logs := filepath.Join(h.State, "raft")
	if err := os.MkdirAll(logs, 0o700); err != nil {
		return nil, nil, nil, fmt.Errorf("start: %w", err)
	}
	raft, err := store.OpenLog(store.Disk, logs)
	if err != nil {
		return nil, nil, nil, err
	}
	numbers, err := store.OpenNumbers(store.Disk, h.State)
	disk, derr := loop.Disk(raft.Contents())
	if err := errors.Join(err, derr, gate.SetSelf(bpf.SelfClusterd, os.Getpid())); err != nil {
		return nil, nil, nil, err
	}
	ours, err := loop.New(loop.Config{
		Settings: h.Settings, StateDir: h.State, RunDir: h.Run, Gate: gate, Kernel: control, Leaver: loop.NewLeaver(gate, control),
		Save: func(p member.Persist) error { return raft.Save(loop.Batch(p)) }, Numbers: numbers, Log: h.Log, Beat: daemon.Beat,
	}, disk)
	if err != nil {
		return nil, nil, nil, err
	}
	done := func() { _ = errors.Join(raft.Close(), control.Close(), gate.Close()) }
	return ours, api.Handler(ours), done, nil
}
