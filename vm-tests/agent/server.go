// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// leftoverWait is how long output is still read after a process has ended but left children that hold its standard output.
const leftoverWait = time.Second

// server carries out requests for one client until the stream ends.
type server struct {
	stream io.ReadWriter
	mu     sync.Mutex // guards writes to stream
	open   sync.Map   // uint32 -> *work
	count  int        // only the reading goroutine counts up; ended ones are counted down through done
	done   chan uint32
}

// work is one request on the server's side.
type work struct {
	server  *server
	number  uint32
	stdin   chan []byte // nil means end of file; has room for a whole window, so the reader never waits
	process chan *os.Process
	killed  chan struct{} // closed by SIGKILL: ends a put whose client has gone away
	kill    sync.Once
}

// Serve says hello and answers requests until the stream ends, then kills what still runs.
func Serve(stream io.ReadWriter, hello Hello) error {
	s := &server{stream: stream, done: make(chan uint32, requestsMax)}
	s.send(frame{kind: kindHello, payload: encode(hello)})
	err := s.readAll()
	s.open.Range(func(_, w any) bool { w.(*work).signal(syscall.SIGKILL); return true })
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (s *server) readAll() error {
	for {
		f, err := readFrame(s.stream)
		if err != nil {
			return err
		}
		if f.kind == kindOpen {
			s.start(f)
			continue
		}
		v, ok := s.open.Load(f.request)
		if !ok {
			continue // it ended while the frame was under way
		}
		if err := v.(*work).take(f); err != nil {
			return err
		}
	}
}

func (s *server) start(f frame) {
	for len(s.done) > 0 {
		<-s.done
		s.count--
	}
	r, err := decodeRequest(f.payload)
	if err == nil && s.count >= requestsMax {
		err = fmt.Errorf("open request: %d are running already", requestsMax)
	}
	if err != nil {
		s.send(frame{kindExit, f.request, encode(Exit{Code: -1, Error: err.Error()})})
		return
	}
	w := &work{server: s, number: f.request, stdin: make(chan []byte, windowFrames+2), process: make(chan *os.Process, 1), killed: make(chan struct{})}
	s.open.Store(f.request, w)
	s.count++
	go func() {
		exit := w.run(r)
		s.open.Delete(w.number)
		s.send(frame{kindExit, w.number, encode(exit)})
		s.done <- w.number
	}()
}

func (s *server) send(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.Write(appendFrame(nil, f)) // an end of the stream is seen by the reader
}

func (w *work) take(f frame) error {
	switch f.kind {
	case kindData, kindEOF:
		var b []byte
		if f.kind == kindData {
			b = f.payload
		}
		select {
		case w.stdin <- b:
		default:
			return fmt.Errorf("%v: more data than the window allows", f)
		}
	case kindSignal:
		var m signalMessage
		if err := json.Unmarshal(f.payload, &m); err != nil {
			return fmt.Errorf("decode signal: %w", err)
		}
		w.signal(syscall.Signal(m.Signal))
	default:
		return fmt.Errorf("unexpected %v", f)
	}
	return nil
}

// signal reaches the whole process group; a request that has no process yet or any more is left alone.
func (w *work) signal(s syscall.Signal) {
	if s == syscall.SIGKILL {
		w.kill.Do(func() { close(w.killed) })
	}
	select {
	case p := <-w.process:
		syscall.Kill(-p.Pid, s)
		w.process <- p
	default:
	}
}

func (w *work) run(r Request) Exit {
	var err error
	switch {
	case r.Put != "":
		err = w.put(r)
	case r.Get != "":
		err = w.get(r)
	case r.KernelLog:
		err = w.kernelLog()
	default:
		return w.exec(r)
	}
	if err != nil {
		return Exit{Code: -1, Error: err.Error()}
	}
	return Exit{}
}

func (w *work) exec(r Request) Exit {
	cmd := exec.Command(r.Argv[0], r.Argv[1:]...)
	cmd.Env, cmd.Dir = append(os.Environ(), r.Env...), r.Dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = leftoverWait
	cmd.Stdout, cmd.Stderr = output{w, kindStdout}, output{w, kindStderr}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return Exit{Code: -1, Error: err.Error()}
	}
	w.process <- cmd.Process
	ended := make(chan struct{})
	go w.pour(stdin, ended)
	cmd.Wait() // how it ended is in ProcessState
	<-w.process
	close(ended)
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return Exit{Code: -1, Signal: status.Signal().String()}
	}
	return Exit{Code: status.ExitStatus()}
}

// pour writes standard input to the process and acknowledges each frame taken, also those a process no longer reads.
func (w *work) pour(stdin io.WriteCloser, ended <-chan struct{}) {
	defer stdin.Close()
	for {
		select {
		case b := <-w.stdin:
			if b == nil {
				return
			}
			stdin.Write(b) // EPIPE: the process closed its input, which is its right
			w.server.send(frame{kind: kindAck, request: w.number})
		case <-ended:
			return
		}
	}
}

// put makes the file whole beside its place and renames it: a reader never sees half of it.
func (w *work) put(r Request) error {
	if err := os.MkdirAll(filepath.Dir(r.Put), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(r.Put), ".put-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // of no effect after the rename
	defer file.Close()
	if err := w.receive(file); err != nil {
		return err
	}
	if err := file.Chmod(os.FileMode(r.Mode)); err != nil {
		return err
	}
	return os.Rename(file.Name(), r.Put)
}

func (w *work) receive(file io.Writer) error {
	for {
		select {
		case b := <-w.stdin:
			if b == nil {
				return nil
			}
			if _, err := file.Write(b); err != nil {
				return err
			}
			w.server.send(frame{kind: kindAck, request: w.number})
		case <-w.killed:
			return errors.New("put: given up by the client")
		}
	}
}

func (w *work) get(r Request) error {
	file, err := os.Open(r.Get)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(output{w, kindStdout}, file)
	return err
}

func (w *work) kernelLog() error {
	size, err := unix.Klogctl(unix.SYSLOG_ACTION_SIZE_BUFFER, nil)
	if err != nil {
		return fmt.Errorf("read the kernel log: %w", err)
	}
	b := make([]byte, size)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, b)
	if err != nil {
		return fmt.Errorf("read the kernel log: %w", err)
	}
	output{w, kindStdout}.Write(b[:n])
	return nil
}

// output cuts what a process prints into frames.
type output struct {
	work *work
	kind kind
}

func (o output) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), frameBytesMax)
		o.work.server.send(frame{o.kind, o.work.number, rest[:n]})
		rest = rest[n:]
	}
	return len(b), nil
}
