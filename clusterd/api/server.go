// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	requestBytesMax = 32 << 20 // a disk group with all its volumes fits
	answerBytesMax  = 64 << 20
	headerTimeout   = 10 * time.Second
	goodbyeTimeout  = time.Second

	// Group owns the sockets: its members may look at everything and change nothing.
	Group = "plexus"
)

// Listen makes the unix socket anew: mode 0660, group plexus where there is one. The caller must hold the daemon's lock:
// a socket file that is there is taken for one left behind.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("clear away the old socket: %w", err)
	}
	old := unix.Umask(0o177) // between bind and chmod nobody else gets in
	l, err := net.Listen("unix", path)
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if g, err := user.LookupGroup(Group); err == nil {
		if gid, err := strconv.Atoi(g.Gid); err == nil {
			_ = os.Chown(path, -1, gid) // without rights for it only root gets in
		}
	}
	if err := os.Chmod(path, 0o660); err != nil {
		l.Close()
		return nil, fmt.Errorf("open the socket for its group: %w", err)
	}
	return l, nil
}

// Serve answers requests until ctx ends. Those that are under way then have goodbyeTimeout for their last words, after
// which it hangs up on all.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	requests, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout,
		BaseContext: func(net.Listener) context.Context { return requests },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, credKey{}, credOf(c))
		},
	}
	said := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(said)
		goodbye, cancel := context.WithTimeout(requests, goodbyeTimeout)
		defer cancel()
		_ = s.Shutdown(goodbye)
		hangUp()
		s.Close()
	})
	err := s.Serve(l)
	if stop() {
		return err
	}
	<-said
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

type credKey struct{}

// Caller is who made a request, as the kernel knows it.
type Caller struct {
	PID int
	UID int // -1: unknown
}

func credOf(c net.Conn) Caller {
	who := Caller{UID: -1}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return who
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return who
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			who = Caller{PID: int(cred.Pid), UID: int(cred.Uid)}
		}
	})
	return who
}

// CallerOf returns who made the request of ctx.
func CallerOf(ctx context.Context) Caller {
	if who, ok := ctx.Value(credKey{}).(Caller); ok {
		return who
	}
	return Caller{UID: -1}
}

// None is the request or answer that has no content.
type None struct{}

// Handle adds a request to mux. The pattern is that of net/http; what is not GET changes something and is for root alone.
func Handle[In, Out any](mux *http.ServeMux, pattern string, verb func(context.Context, In) (Out, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		in, err := Read[In](w, r)
		if err != nil {
			WriteError(w, err)
			return
		}
		out, err := verb(r.Context(), in)
		if err != nil {
			WriteError(w, err)
			return
		}
		WriteAnswer(w, out)
	})
}

// Read checks that the caller may, and decodes the body, strictly.
func Read[In any](w http.ResponseWriter, r *http.Request) (In, error) {
	var in In
	if r.Method == http.MethodGet {
		return in, nil
	}
	if who := CallerOf(r.Context()); who.UID != 0 && who.UID != os.Geteuid() {
		return in, Refuse(NotAllowed, "run the command as root", "%s %s: user %d may only look", r.Method, r.URL.Path, who.UID)
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, requestBytesMax))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil && !errors.Is(err, io.EOF) {
		return in, Refuse(BadRequest, "", "read the request %s: %v", r.URL.Path, err)
	}
	return in, nil
}

// WriteError answers with an error.
func WriteError(w http.ResponseWriter, err error) {
	e := AsError(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Code.status())
	_ = json.NewEncoder(w).Encode(map[string]*Error{"error": e})
}
