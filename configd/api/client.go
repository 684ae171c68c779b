// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"net/url"
)

// Client asks configd. It is safe for concurrent use. Its errors are *Error where the daemon refused, and *Unreachable where
// it did not answer.
type Client struct{ caller *caller }

// NewClient returns a client of the daemon that listens at the path.
func NewClient(socket string) *Client { return &Client{newCaller(socket)} }

func ask[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	err = c.caller.call(ctx, method, path, in, &out)
	return out, err
}

// Disks lists the disks of this node.
func (c *Client) Disks(ctx context.Context) (DiskList, error) {
	return ask[DiskList](ctx, c, http.MethodGet, "/v1/disks", nil)
}

// InitDisks writes labels on disks.
func (c *Client) InitDisks(ctx context.Context, r DiskInit) (DiskList, error) {
	return ask[DiskList](ctx, c, http.MethodPost, "/v1/disks/init", r)
}

// Groups lists the disk groups.
func (c *Client) Groups(ctx context.Context) (GroupList, error) {
	return ask[GroupList](ctx, c, http.MethodGet, "/v1/groups", nil)
}

// Group returns one group with its disks and volumes.
func (c *Client) Group(ctx context.Context, name string) (Group, error) {
	return ask[Group](ctx, c, http.MethodGet, "/v1/groups/"+url.PathEscape(name), nil)
}

// CreateGroup makes a group.
func (c *Client) CreateGroup(ctx context.Context, r GroupCreate) (Change, error) {
	return ask[Change](ctx, c, http.MethodPost, "/v1/groups", r)
}

// Volumes lists the volumes of a group, or of all groups if it is empty.
func (c *Client) Volumes(ctx context.Context, group string) (VolumeList, error) {
	return ask[VolumeList](ctx, c, http.MethodGet, "/v1/volumes?group="+url.QueryEscape(group), nil)
}

// Volume returns one volume.
func (c *Client) Volume(ctx context.Context, group, name string) (Volume, error) {
	return ask[Volume](ctx, c, http.MethodGet, volumePath(group, name), nil)
}

// CreateVolume makes a volume.
func (c *Client) CreateVolume(ctx context.Context, r VolumeCreate) (Change, error) {
	return ask[Change](ctx, c, http.MethodPost, "/v1/volumes", r)
}

// ResizeVolume gives a volume another length.
func (c *Client) ResizeVolume(ctx context.Context, group, name string, r VolumeResize) (Change, error) {
	return ask[Change](ctx, c, http.MethodPost, volumePath(group, name)+"/resize", r)
}

// RemoveVolume removes a volume.
func (c *Client) RemoveVolume(ctx context.Context, group, name string, r VolumeRemove) (Change, error) {
	return ask[Change](ctx, c, http.MethodPost, volumePath(group, name)+"/remove", r)
}

// Doctor tells the health of this node.
func (c *Client) Doctor(ctx context.Context) (Doctor, error) {
	return ask[Doctor](ctx, c, http.MethodGet, "/v1/doctor", nil)
}

func volumePath(group, name string) string {
	return "/v1/volumes/" + url.PathEscape(group) + "/" + url.PathEscape(name)
}
