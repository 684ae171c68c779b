// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
)

// requestBytesMax bounds the body of a request: the names of all disks of the largest group.
const requestBytesMax = 1 << 20

// answer makes a handler of a function from a request's body to an answer. A GET has no body.
func answer[In, Out any](do func(context.Context, *http.Request, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		if r.Method != http.MethodGet {
			if err := decode(http.MaxBytesReader(w, r.Body, requestBytesMax), &in); err != nil {
				write(w, Refuse(BadRequest, "read request %s: %v", r.URL.Path, err))
				return
			}
		}
		out, err := do(r.Context(), r, in)
		if err != nil {
			write(w, asError(err))
			return
		}
		write(w, out)
	})
}

func decode(from io.Reader, into any) error {
	d := json.NewDecoder(from)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the end of the value")
	}
	return nil
}

func write(w http.ResponseWriter, out any) {
	w.Header().Set("Content-Type", "application/json")
	if e, ok := out.(*Error); ok {
		w.WriteHeader(statuses[e.Code])
	}
	v := reflect.New(reflect.TypeOf(out))
	v.Elem().Set(reflect.ValueOf(out))
	fillLists(v.Elem())
	_ = json.NewEncoder(w).Encode(v.Interface()) // whoever asked is gone: nobody is left to tell
}

// fillLists makes every nil slice inside v an empty one, so that a list is [] and never null.
func fillLists(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillLists(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fillLists(v.Index(i))
		}
	}
}

// orNoSuchPath answers what no pattern matches with an Error instead of a line of text.
func orNoSuchPath(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			write(w, Refuse(NotFound, "no such request: %s %s", r.Method, r.URL.Path))
			return
		}
		mux.ServeHTTP(w, r)
	})
}
