// SPDX-License-Identifier: Apache-2.0

package api

import "context"

// Schema is the number of the format of all answers. The handler sets it.
const Schema = 1

// Verbs is what configd does for its callers, many at once. What it returns belongs to the caller, and lists in it may be
// nil. Its errors are those of clusterd/api; one that is none counts as Failed.
type Verbs interface {
	Disks(context.Context) (DiskList, error)
	InitDisks(context.Context, DiskInit) (DiskList, error)
	// Groups leaves out the disks and volumes of each.
	Groups(context.Context) (GroupList, error)
	Group(ctx context.Context, name string) (Group, error)
	CreateGroup(context.Context, GroupCreate) (Change, error)
	// Volumes returns those of all groups if group is empty.
	Volumes(ctx context.Context, group string) (VolumeList, error)
	Volume(ctx context.Context, group, name string) (Volume, error)
	CreateVolume(context.Context, VolumeCreate) (Change, error)
	ResizeVolume(ctx context.Context, group, name string, r VolumeResize) (Change, error)
	RemoveVolume(ctx context.Context, group, name string, r VolumeRemove) (Change, error)
	Doctor(context.Context) (Doctor, error)
}
