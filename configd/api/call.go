// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// bodyBytesMax bounds a body in either direction: the largest group, printed for people to read.
	bodyBytesMax = 64 << 20
	// dialTime bounds how long a client waits for the socket to be accepted, not for the answer.
	dialTime = 5 * time.Second
)

// caller makes requests over one unix socket. It is safe for concurrent use.
type caller struct {
	socket string
	http   http.Client
}

func newCaller(socket string) *caller {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "unix", socket)
	}
	return &caller{socket, http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// call sends in (none if nil) and decodes the answer into out.
func (c *caller) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("write request %s: %w", path, err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://plexus"+path, body)
	if err != nil {
		return fmt.Errorf("write request %s: %w", path, err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return c.unreachable(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, bodyBytesMax+1))
	if err != nil {
		return c.unreachable(err)
	}
	if len(text) > bodyBytesMax {
		return fmt.Errorf("read answer to %s: more than %d bytes", path, bodyBytesMax)
	}
	if answer.StatusCode != http.StatusOK {
		return refused(answer.Status, path, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("read answer to %s: %w", path, err)
	}
	return nil
}

func refused(status, path string, text []byte) error {
	var e Error
	if err := json.Unmarshal(text, &e); err != nil || e.Text == "" {
		return fmt.Errorf("read answer to %s: the daemon says %s; is it of another version?", path, status)
	}
	return &e
}

func (c *caller) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the made-up address
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		err = op.Err
	}
	return &Unreachable{c.socket, err}
}
