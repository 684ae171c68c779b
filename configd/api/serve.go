// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"

	"github.com/plexus-cvm/plexus/clusterd/api"
)

// handle is api.Handle for a verb that also wants what stands in the path.
func handle[In, Out any](mux *http.ServeMux, pattern string, verb func(context.Context, *http.Request, In) (Out, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		in, err := api.Read[In](w, r)
		if err != nil {
			api.WriteError(w, err)
			return
		}
		out, err := verb(r.Context(), r, in)
		if err != nil {
			api.WriteError(w, err)
			return
		}
		api.WriteAnswer(w, out)
	})
}
