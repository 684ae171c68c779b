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
	"os"
	"syscall"
)

// Client speaks with one daemon over its unix socket. Safe for concurrent use.
type Client struct {
	daemon string
	socket string
	http   *http.Client
}

// NewClient returns the client of a daemon; nothing is dialled before the first request.
func NewClient(daemon, socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{daemon: daemon, socket: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call makes one request and reads its answer into out, which may be nil. Errors are of type *Error.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	body, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, answerBytesMax+1))
	switch {
	case err != nil:
		return c.unreachable(err)
	case len(text) > answerBytesMax:
		return Refuse(Failed, "", "%s answered %s with more than %d bytes", c.daemon, path, answerBytesMax)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return Refuse(Failed, "are the command and the daemon of one version?", "read the answer of %s to %s: %v", c.daemon, path, err)
	}
	return nil
}

// Stream makes one request whose answer is one JSON text a line, and calls each for every line until the stream ends.
func (c *Client) Stream(ctx context.Context, method, path string, in any, each func(json.RawMessage) error) error {
	body, err := c.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(body)
	for {
		var line json.RawMessage
		if err := d.Decode(&line); err != nil {
			return c.unreachable(err)
		}
		if err := each(line); err != nil {
			return err
		}
	}
}

func (c *Client) do(ctx context.Context, method, path string, in any) (io.ReadCloser, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, Refuse(BadRequest, "", "write the request %s: %v", path, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.daemon+path, body)
	if err != nil {
		return nil, Refuse(BadRequest, "", "make the request %s: %v", path, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var e struct{ Error *Error }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&e); err != nil || e.Error == nil || e.Error.Message == "" {
		return nil, Refuse(Failed, "are the command and the daemon of one version?", "%s answered %s with %s", c.daemon, path, resp.Status)
	}
	return nil, e.Error
}

func (c *Client) unreachable(err error) error {
	hint := fmt.Sprintf("is it running? `systemctl status plexus-%s`", c.daemon)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, os.ErrPermission):
		return Refuse(NotAllowed, "run the command as root", "open %s: %v", c.socket, syscall.EACCES)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Refuse(Unreachable, hint, "%s hung up", c.daemon)
	}
	var sys syscall.Errno
	if errors.As(err, &sys) {
		return Refuse(Unreachable, hint, "reach %s at %s: %v", c.daemon, c.socket, sys)
	}
	return Refuse(Unreachable, hint, "reach %s at %s: %v", c.daemon, c.socket, err)
}
