// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// LogName is the log's file in the state directory.
const LogName = "raft.log"

// slackBytes is what the file may hold beyond twice its content before it is rewritten.
const slackBytes = 1 << 20

// Log is the raft log on disk.
type Log struct {
	fs       FS
	path     string
	file     File // nil after an error of Save, and after Close
	contents Contents
	next     uint64 // number of the next record
	size     int    // of the file
	compact  int    // its size when it was last rewritten
	slack    int    // slackBytes, less in tests
}

// OpenLog opens the log in dir, which it makes if there is none. Contents tells what it holds.
func OpenLog(fsys FS, dir string) (*Log, error) {
	l := &Log{fs: fsys, path: filepath.Join(dir, LogName), slack: slackBytes}
	data, err := fsys.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, l.rewrite()
	}
	if err != nil {
		return nil, fmt.Errorf("open raft log: %w", err)
	}
	contents, next, good, err := parseLog(data)
	if err != nil {
		return nil, fmt.Errorf("open raft log %s: %w; let the node join anew: move the file away, then `plexus cluster join`", l.path, err)
	}
	l.contents, l.next, l.size, l.compact = contents, next, good, good/2
	if l.file, err = fsys.Append(l.path, int64(good)); err != nil {
		return nil, fmt.Errorf("open raft log: %w", err)
	}
	return l, nil
}

// Contents returns what the log holds. Its values must not be changed.
func (l *Log) Contents() Contents { return l.contents }

// Save puts one batch on stable storage. After an error the log takes nothing more.
func (l *Log) Save(b Batch) error {
	if l.file == nil {
		return fmt.Errorf("save to raft log %s: it is closed", l.path)
	}
	err := l.save(b)
	if err != nil {
		err = fmt.Errorf("save to raft log %s: %w", l.path, errors.Join(err, l.Close()))
	}
	return err
}

func (l *Log) save(b Batch) error {
	body, err := b.marshal()
	if err != nil {
		return err
	}
	if len(body) > recordBytesMax {
		return fmt.Errorf("a batch of %d bytes is over the limit of %d", len(body), recordBytesMax)
	}
	record := appendRecord(nil, l.next, body)
	if _, err := l.file.Write(record); err != nil {
		return err
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.contents.Apply(b)
	l.next++
	l.size += len(record)
	if l.size <= 2*l.compact+l.slack {
		return nil
	}
	if err := l.file.Close(); err != nil {
		return err
	}
	l.file = nil
	return l.rewrite()
}

// rewrite puts a new file with nothing but the contents in the place of the old one, and goes on in it.
func (l *Log) rewrite() error {
	body, err := l.contents.batch().marshal()
	if err != nil {
		return err
	}
	data := appendRecord([]byte(fileMagic), 1, body)
	err = replace(l.fs, l.path, 0o600, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	l.next, l.size, l.compact = 2, len(data), len(data)
	l.file, err = l.fs.Append(l.path, int64(len(data)))
	return err
}

// Close closes the file. All that Save has taken is on stable storage already.
func (l *Log) Close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}
