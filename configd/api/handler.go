// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/plexus-cvm/plexus/clusterd/api"
)

// Handler serves the requests of the package doc.
func Handler(v Verbs) http.Handler {
	mux := http.NewServeMux()
	handle(mux, "GET /v1/disks", func(ctx context.Context, _ *http.Request, _ api.None) (DiskList, error) {
		list, err := v.Disks(ctx)
		list.Schema = Schema
		return list, err
	})
	handle(mux, "POST /v1/disks/init", func(ctx context.Context, _ *http.Request, in DiskInit) (DiskList, error) {
		list, err := v.InitDisks(ctx, in)
		list.Schema = Schema
		return list, err
	})
	handle(mux, "GET /v1/groups", func(ctx context.Context, _ *http.Request, _ api.None) (GroupList, error) {
		list, err := v.Groups(ctx)
		list.Schema = Schema
		return list, err
	})
	handle(mux, "GET /v1/groups/{group}", func(ctx context.Context, r *http.Request, _ api.None) (Group, error) {
		g, err := v.Group(ctx, r.PathValue("group"))
		g.Schema = Schema
		return g, err
	})
	handle(mux, "POST /v1/groups", func(ctx context.Context, _ *http.Request, in GroupCreate) (Change, error) {
		return numbered(v.CreateGroup(ctx, in))
	})
	handle(mux, "GET /v1/doctor", func(ctx context.Context, _ *http.Request, _ api.None) (Doctor, error) {
		d, err := v.Doctor(ctx)
		d.Schema = Schema
		return d, err
	})
	handleVolumes(mux, v)
	return mux
}

func handleVolumes(mux *http.ServeMux, v Verbs) {
	handle(mux, "GET /v1/volumes", func(ctx context.Context, r *http.Request, _ api.None) (VolumeList, error) {
		list, err := v.Volumes(ctx, r.URL.Query().Get("group"))
		list.Schema = Schema
		return list, err
	})
	handle(mux, "POST /v1/volumes", func(ctx context.Context, _ *http.Request, in VolumeCreate) (Change, error) {
		return numbered(v.CreateVolume(ctx, in))
	})
	const one = "/v1/volumes/{group}/{volume}"
	handle(mux, "GET "+one, func(ctx context.Context, r *http.Request, _ api.None) (Volume, error) {
		out, err := v.Volume(ctx, r.PathValue("group"), r.PathValue("volume"))
		out.Schema = Schema
		return out, err
	})
	handle(mux, "POST "+one+"/resize", func(ctx context.Context, r *http.Request, in VolumeResize) (Change, error) {
		return numbered(v.ResizeVolume(ctx, r.PathValue("group"), r.PathValue("volume"), in))
	})
	handle(mux, "POST "+one+"/remove", func(ctx context.Context, r *http.Request, in VolumeRemove) (Change, error) {
		return numbered(v.RemoveVolume(ctx, r.PathValue("group"), r.PathValue("volume"), in))
	})
}

func numbered(c Change, err error) (Change, error) {
	c.Schema = Schema
	return c, err
}
