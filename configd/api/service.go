// SPDX-License-Identifier: Apache-2.0

package api

import "context"

// Schema is the number of the format of all answers.
const Schema = 1

// Service is what the daemon can do. The handler calls it from many goroutines at once. What it returns belongs to the
// handler, and lists in it may be nil. An error that is no *Error reaches the caller with the code Failed.
type Service interface {
	Disks(ctx context.Context) ([]Disk, error)
	InitDisks(ctx context.Context, r DiskInit) ([]Disk, error)
	Groups(ctx context.Context) ([]Group, error)
	Group(ctx context.Context, name string) (Group, error)
	CreateGroup(ctx context.Context, r GroupCreate) (Change, error)
	// Volumes returns those of all groups if group is empty.
	Volumes(ctx context.Context, group string) ([]Volume, error)
	Volume(ctx context.Context, group, name string) (Volume, error)
	CreateVolume(ctx context.Context, r VolumeCreate) (Change, error)
	ResizeVolume(ctx context.Context, group, name string, r VolumeResize) (Change, error)
	RemoveVolume(ctx context.Context, group, name string, r VolumeRemove) (Change, error)
	Doctor(ctx context.Context) (Doctor, error)
}
