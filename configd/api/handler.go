// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
)

// NewHandler serves the requests of the package doc from s.
func NewHandler(s Service) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/disks", answer(func(ctx context.Context, _ *http.Request, _ struct{}) (DiskList, error) {
		list, err := s.Disks(ctx)
		return DiskList{Schema, list}, err
	}))
	mux.Handle("POST /v1/disks/init", answer(func(ctx context.Context, _ *http.Request, in DiskInit) (DiskList, error) {
		list, err := s.InitDisks(ctx, in)
		return DiskList{Schema, list}, err
	}))
	mux.Handle("GET /v1/groups", answer(func(ctx context.Context, _ *http.Request, _ struct{}) (GroupList, error) {
		list, err := s.Groups(ctx)
		return GroupList{Schema, list}, err
	}))
	mux.Handle("GET /v1/groups/{group}", answer(func(ctx context.Context, r *http.Request, _ struct{}) (Group, error) {
		g, err := s.Group(ctx, r.PathValue("group"))
		g.Schema = Schema
		return g, err
	}))
	mux.Handle("POST /v1/groups", answer(func(ctx context.Context, _ *http.Request, in GroupCreate) (Change, error) {
		return numbered(s.CreateGroup(ctx, in))
	}))
	mux.Handle("GET /v1/doctor", answer(func(ctx context.Context, _ *http.Request, _ struct{}) (Doctor, error) {
		d, err := s.Doctor(ctx)
		d.Schema = Schema
		return d, err
	}))
	handleVolumes(mux, s)
	return orNoSuchPath(mux)
}

func handleVolumes(mux *http.ServeMux, s Service) {
	mux.Handle("GET /v1/volumes", answer(func(ctx context.Context, r *http.Request, _ struct{}) (VolumeList, error) {
		list, err := s.Volumes(ctx, r.URL.Query().Get("group"))
		return VolumeList{Schema, list}, err
	}))
	mux.Handle("POST /v1/volumes", answer(func(ctx context.Context, _ *http.Request, in VolumeCreate) (Change, error) {
		return numbered(s.CreateVolume(ctx, in))
	}))
	const one = "/v1/volumes/{group}/{volume}"
	mux.Handle("GET "+one, answer(func(ctx context.Context, r *http.Request, _ struct{}) (Volume, error) {
		v, err := s.Volume(ctx, r.PathValue("group"), r.PathValue("volume"))
		v.Schema = Schema
		return v, err
	}))
	mux.Handle("POST "+one+"/resize", answer(func(ctx context.Context, r *http.Request, in VolumeResize) (Change, error) {
		return numbered(s.ResizeVolume(ctx, r.PathValue("group"), r.PathValue("volume"), in))
	}))
	mux.Handle("POST "+one+"/remove", answer(func(ctx context.Context, r *http.Request, in VolumeRemove) (Change, error) {
		return numbered(s.RemoveVolume(ctx, r.PathValue("group"), r.PathValue("volume"), in))
	}))
}

func numbered(c Change, err error) (Change, error) {
	c.Schema = Schema
	return c, err
}
