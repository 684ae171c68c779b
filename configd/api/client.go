// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"net/url"

	"github.com/plexus-cvm/plexus/clusterd/api"
)

// Socket is where configd listens.
const Socket = "/run/plexus/configd.sock"

// Configd is the client of configd. It is safe for concurrent use; its errors are of type *api.Error of clusterd/api.
type Configd struct{ *api.Client }

// Dial returns the client of the configd behind that socket.
func Dial(socket string) Configd { return Configd{api.NewClient("configd", socket)} }

var _ Verbs = Configd{}

func call[Out any](ctx context.Context, c Configd, method, path string, in any) (Out, error) {
	var out Out
	err := c.Call(ctx, method, path, in, &out)
	return out, err
}

// Disks lists the disks of this node.
func (c Configd) Disks(ctx context.Context) (DiskList, error) {
	return call[DiskList](ctx, c, http.MethodGet, "/v1/disks", nil)
}

// InitDisks writes labels on disks.
func (c Configd) InitDisks(ctx context.Context, r DiskInit) (DiskList, error) {
	return call[DiskList](ctx, c, http.MethodPost, "/v1/disks/init", r)
}

// Groups lists the disk groups.
func (c Configd) Groups(ctx context.Context) (GroupList, error) {
	return call[GroupList](ctx, c, http.MethodGet, "/v1/groups", nil)
}

// Group returns one group with its disks and volumes.
func (c Configd) Group(ctx context.Context, name string) (Group, error) {
	return call[Group](ctx, c, http.MethodGet, "/v1/groups/"+url.PathEscape(name), nil)
}

// CreateGroup makes a group.
func (c Configd) CreateGroup(ctx context.Context, r GroupCreate) (Change, error) {
	return call[Change](ctx, c, http.MethodPost, "/v1/groups", r)
}

// Volumes lists the volumes of a group, or of all groups if it is empty.
func (c Configd) Volumes(ctx context.Context, group string) (VolumeList, error) {
	return call[VolumeList](ctx, c, http.MethodGet, "/v1/volumes?group="+url.QueryEscape(group), nil)
}

// Volume returns one volume.
func (c Configd) Volume(ctx context.Context, group, name string) (Volume, error) {
	return call[Volume](ctx, c, http.MethodGet, volumePath(group, name), nil)
}

// CreateVolume makes a volume.
func (c Configd) CreateVolume(ctx context.Context, r VolumeCreate) (Change, error) {
	return call[Change](ctx, c, http.MethodPost, "/v1/volumes", r)
}

// ResizeVolume gives a volume another length.
func (c Configd) ResizeVolume(ctx context.Context, group, name string, r VolumeResize) (Change, error) {
	return call[Change](ctx, c, http.MethodPost, volumePath(group, name)+"/resize", r)
}

// RemoveVolume removes a volume.
func (c Configd) RemoveVolume(ctx context.Context, group, name string, r VolumeRemove) (Change, error) {
	return call[Change](ctx, c, http.MethodPost, volumePath(group, name)+"/remove", r)
}

// Doctor tells the health of this node.
func (c Configd) Doctor(ctx context.Context) (Doctor, error) {
	return call[Doctor](ctx, c, http.MethodGet, "/v1/doctor", nil)
}

func volumePath(group, name string) string {
	return "/v1/volumes/" + url.PathEscape(group) + "/" + url.PathEscape(name)
}
