// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// ErrGone says that the guest's end of the stream is no more: the guest was killed, powered off or crashed.
var ErrGone = errors.New("the guest is gone")

// Client speaks to the agent of one boot of one guest.
type Client struct {
	stream io.ReadWriteCloser
	out    chan frame
	hello  chan struct{} // closed when Hello is known
	gone   chan struct{} // closed when the stream has ended

	mu    sync.Mutex
	last  uint32
	open  map[uint32]*Call
	greet Hello
	err   error
}

// NewClient takes over the stream; Close gives it up.
func NewClient(stream io.ReadWriteCloser) *Client {
	c := &Client{
		stream: stream, out: make(chan frame, outFramesQueue),
		hello: make(chan struct{}), gone: make(chan struct{}), open: map[uint32]*Call{},
	}
	go c.write()
	go c.read()
	return c
}

// Close ends the stream; every open call ends with ErrGone.
func (c *Client) Close() error { return c.stream.Close() }

// Gone is closed when the stream has ended.
func (c *Client) Gone() <-chan struct{} { return c.gone }

// Hello waits until the agent has come up.
func (c *Client) Hello(ctx context.Context) (Hello, error) {
	select {
	case <-c.hello:
		return c.greet, nil
	case <-c.gone:
		return Hello{}, c.err
	case <-ctx.Done():
		return Hello{}, ctx.Err()
	}
}

// Call is one request under way.
type Call struct {
	client         *Client
	number         uint32
	stdout, stderr io.Writer
	credit         chan struct{} // one token for each data frame that may be sent
	done           chan struct{}
	exit           Exit
	err            error
}

// Start sends a request. What it prints goes to stdout and stderr (nil: dropped); stdin may be nil.
func (c *Client) Start(ctx context.Context, r Request, stdin io.Reader, stdout, stderr io.Writer) (*Call, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	body := encode(r)
	if len(body) > frameBytesMax {
		return nil, fmt.Errorf("send request: %d bytes, the limit is %d; put long data on standard input", len(body), frameBytesMax)
	}
	call := &Call{client: c, stdout: stdout, stderr: stderr, credit: make(chan struct{}, windowFrames), done: make(chan struct{})}
	for range windowFrames {
		call.credit <- struct{}{}
	}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, c.err
	}
	c.last++
	call.number = c.last
	c.open[call.number] = call
	c.mu.Unlock()
	if err := c.send(ctx, frame{kindOpen, call.number, body}); err != nil {
		c.end(call, Exit{}, err)
		return nil, err
	}
	go call.feed(stdin)
	return call, nil
}

// Wait returns how the request ended; when ctx ends first the process in the guest is killed and ctx's error returned.
func (call *Call) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-call.done:
		return call.exit, call.err
	case <-ctx.Done():
		call.abandon()
		return Exit{Code: -1}, ctx.Err()
	}
}

// Done is closed when the request has ended.
func (call *Call) Done() <-chan struct{} { return call.done }

// Signal sends a signal to the process group of the request.
func (call *Call) Signal(ctx context.Context, s syscall.Signal) error {
	return call.client.send(ctx, frame{kindSignal, call.number, encode(signalMessage{int(s)})})
}

// abandon kills without waiting: the guest may be frozen, and its answer years away.
func (call *Call) abandon() {
	select {
	case call.client.out <- frame{kindSignal, call.number, encode(signalMessage{int(syscall.SIGKILL)})}:
	default: // the queue is full because the guest takes nothing; it is of no use to it
	}
	call.client.end(call, Exit{Code: -1}, context.Canceled)
}

// feed carries standard input, never more than the window ahead of the process.
func (call *Call) feed(stdin io.Reader) {
	ctx := context.Background()
	for stdin != nil {
		select {
		case <-call.credit:
		case <-call.done:
			return
		}
		b := make([]byte, frameBytesMax)
		n, err := stdin.Read(b)
		if n > 0 && call.send(ctx, frame{kindData, call.number, b[:n]}) != nil {
			return
		}
		if n == 0 {
			call.credit <- struct{}{}
		}
		if err != nil {
			break
		}
	}
	call.send(ctx, frame{kind: kindEOF, request: call.number})
}

func (call *Call) send(ctx context.Context, f frame) error {
	select {
	case call.client.out <- f:
		return nil
	case <-call.done:
		return ErrGone
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) send(ctx context.Context, f frame) error {
	select {
	case c.out <- f:
		return nil
	case <-c.gone:
		return c.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write is the only goroutine that writes to the stream.
func (c *Client) write() {
	var b []byte
	for {
		select {
		case f := <-c.out:
			b = appendFrame(b[:0], f)
			if _, err := c.stream.Write(b); err != nil {
				return // read sees the end of the stream as well and says so
			}
		case <-c.gone:
			return
		}
	}
}

// read is the only goroutine that reads from the stream.
func (c *Client) read() {
	err := c.readAll()
	c.mu.Lock()
	c.err = fmt.Errorf("%w (%v)", ErrGone, err)
	calls := c.open
	c.open = map[uint32]*Call{}
	c.mu.Unlock()
	close(c.gone)
	for _, call := range calls {
		call.finish(Exit{Code: -1}, c.err)
	}
}

func (c *Client) readAll() error {
	greeted := false
	for {
		f, err := readFrame(c.stream)
		if err != nil {
			return err
		}
		if f.kind == kindHello {
			if greeted {
				return errors.New("the agent started a second time")
			}
			if err := json.Unmarshal(f.payload, &c.greet); err != nil {
				return fmt.Errorf("decode hello: %w", err)
			}
			greeted = true
			close(c.hello)
			continue
		}
		c.mu.Lock()
		call := c.open[f.request]
		c.mu.Unlock()
		if call == nil {
			continue // ended here already: abandoned
		}
		if err := c.take(call, f); err != nil {
			return err
		}
	}
}

func (c *Client) take(call *Call, f frame) error {
	switch f.kind {
	case kindStdout:
		if call.stdout != nil {
			call.stdout.Write(f.payload)
		}
	case kindStderr:
		if call.stderr != nil {
			call.stderr.Write(f.payload)
		}
	case kindAck:
		select {
		case call.credit <- struct{}{}:
		default:
			return fmt.Errorf("request %d: more acknowledged than sent", f.request)
		}
	case kindExit:
		var exit Exit
		if err := json.Unmarshal(f.payload, &exit); err != nil {
			return fmt.Errorf("decode exit of request %d: %w", f.request, err)
		}
		c.end(call, exit, nil)
	default:
		return fmt.Errorf("unexpected %v", f)
	}
	return nil
}

func (c *Client) end(call *Call, exit Exit, err error) {
	c.mu.Lock()
	_, open := c.open[call.number]
	delete(c.open, call.number)
	c.mu.Unlock()
	if open {
		call.finish(exit, err)
	}
}

func (call *Call) finish(exit Exit, err error) {
	call.exit, call.err = exit, err
	close(call.done)
}
