// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"net/http"
)

// Verbs is what clusterd does for its callers.
type Verbs interface {
	Status(context.Context) (Status, error)
	Init(context.Context, InitRequest) (Status, error)
	// Join returns when the node is a member, or why it cannot be.
	Join(context.Context, JoinRequest) (Status, error)
	// Leave returns when the node is out. If ctx ends before, a clean leave goes on.
	Leave(context.Context, LeaveRequest) (Status, error)
	Token(context.Context, TokenRequest) (TokenReply, error)

	// Register is for configd: updates are sent until ctx ends, the newest at once. The end of ctx is the end of configd.
	Register(ctx context.Context, r RegisterRequest, send func(Update) error) error
	PutFence(context.Context, FenceRequest) (FenceReply, error)
	Joined(context.Context, JoinedRequest) (None, error)
	PutHome(context.Context, HomeRequest) (HomeReply, error)
	Suspect(context.Context, SuspectRequest) (None, error)
	Fail(context.Context, FailRequest) (None, error)
}

// Handler serves the verbs.
func Handler(v Verbs) http.Handler {
	mux := http.NewServeMux()
	Handle(mux, "GET /v1/status", func(ctx context.Context, _ None) (Status, error) { return v.Status(ctx) })
	Handle(mux, "POST /v1/init", v.Init)
	Handle(mux, "POST /v1/join", v.Join)
	Handle(mux, "POST /v1/leave", v.Leave)
	Handle(mux, "POST /v1/token", v.Token)
	Handle(mux, "POST /v1/fence", v.PutFence)
	Handle(mux, "POST /v1/joined", v.Joined)
	Handle(mux, "POST /v1/home", v.PutHome)
	Handle(mux, "POST /v1/suspect", v.Suspect)
	Handle(mux, "POST /v1/fail", v.Fail)
	mux.HandleFunc("POST /v1/register", func(w http.ResponseWriter, r *http.Request) { register(v, w, r) })
	return mux
}

func register(v Verbs, w http.ResponseWriter, r *http.Request) {
	in, err := Read[RegisterRequest](w, r)
	if err != nil {
		WriteError(w, err)
		return
	}
	begun := false
	line, flush := json.NewEncoder(w), http.NewResponseController(w)
	err = v.Register(r.Context(), in, func(u Update) error {
		begun = true
		if err := line.Encode(u); err != nil {
			return err
		}
		return flush.Flush()
	})
	if err != nil && !begun {
		WriteError(w, err)
	}
}

// Clusterd is the client of clusterd.
type Clusterd struct{ *Client }

// Dial returns the client of the clusterd behind that socket.
func Dial(socket string) Clusterd { return Clusterd{NewClient("clusterd", socket)} }

func call[Out any](ctx context.Context, c Clusterd, method, path string, in any) (Out, error) {
	var out Out
	err := c.Call(ctx, method, path, in, &out)
	return out, err
}

var _ Verbs = Clusterd{}

// Status implements Verbs, as do the methods below.
func (c Clusterd) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, "/v1/status", nil)
}

func (c Clusterd) Init(ctx context.Context, r InitRequest) (Status, error) {
	return call[Status](ctx, c, http.MethodPost, "/v1/init", r)
}

func (c Clusterd) Join(ctx context.Context, r JoinRequest) (Status, error) {
	return call[Status](ctx, c, http.MethodPost, "/v1/join", r)
}

func (c Clusterd) Leave(ctx context.Context, r LeaveRequest) (Status, error) {
	return call[Status](ctx, c, http.MethodPost, "/v1/leave", r)
}

func (c Clusterd) Token(ctx context.Context, r TokenRequest) (TokenReply, error) {
	return call[TokenReply](ctx, c, http.MethodPost, "/v1/token", r)
}

func (c Clusterd) Register(ctx context.Context, r RegisterRequest, send func(Update) error) error {
	return c.Stream(ctx, http.MethodPost, "/v1/register", r, func(line json.RawMessage) error {
		var u Update
		if err := json.Unmarshal(line, &u); err != nil {
			return Refuse(Failed, "are configd and clusterd of one version?", "read an update of clusterd: %v", err)
		}
		return send(u)
	})
}

func (c Clusterd) PutFence(ctx context.Context, r FenceRequest) (FenceReply, error) {
	return call[FenceReply](ctx, c, http.MethodPost, "/v1/fence", r)
}

func (c Clusterd) Joined(ctx context.Context, r JoinedRequest) (None, error) {
	return call[None](ctx, c, http.MethodPost, "/v1/joined", r)
}

func (c Clusterd) PutHome(ctx context.Context, r HomeRequest) (HomeReply, error) {
	return call[HomeReply](ctx, c, http.MethodPost, "/v1/home", r)
}

func (c Clusterd) Suspect(ctx context.Context, r SuspectRequest) (None, error) {
	return call[None](ctx, c, http.MethodPost, "/v1/suspect", r)
}

func (c Clusterd) Fail(ctx context.Context, r FailRequest) (None, error) {
	return call[None](ctx, c, http.MethodPost, "/v1/fail", r)
}
