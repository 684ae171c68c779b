// SPDX-License-Identifier: Apache-2.0

package fence

import (
	"context"
	"net/netip"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/dm"
)

// Gate is the part of the gate that a leave needs.
type Gate interface {
	// Shut sets the lease fenced: from its return on, no new I/O of this node passes.
	Shut() error
}

// Env is what a leave acts on. Methods that take a disk are called for several at once. A method that does not return
// when its ctx ends is left behind.
type Env interface {
	Gate
	// FailFast makes the disk's session give its I/O up at once when the connection breaks. It says what it did.
	FailFast(context.Context, view.FenceDisk) (string, error)
	// Sever destroys the TCP sockets to the portals, and returns how many there were.
	Sever(context.Context, []netip.AddrPort) (int, error)
	// Delete removes the disk from this node. One that is gone is no error.
	Delete(context.Context, view.FenceDisk) error
	// Here says whether the very disk is still there: name, number and diskseq.
	Here(view.FenceDisk) (bool, error)
	// InFlight counts what the disk's driver has and has not answered.
	InFlight(view.FenceDisk) (int, error)
	// Kernel is device-mapper.
	Kernel() dm.Kernel
}
