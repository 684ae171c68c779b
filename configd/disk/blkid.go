// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode/utf8"
)

// Signature is data of somebody else, as blkid names it.
type Signature struct {
	Type  string // ext4, LVM2_member, gpt, ...
	Usage string // filesystem, raid, crypto, other, partition table
	Label string // of a filesystem
	UUID  string
}

func (s Signature) String() string {
	words := strings.TrimSpace(s.Usage + " " + s.Type)
	if s.Label != "" {
		words += fmt.Sprintf(" %q", s.Label)
	}
	if s.UUID != "" {
		words += " " + s.UUID
	}
	return words
}

const (
	blkidTime        = 20 * time.Second
	blkidBytesMax    = 64 * 1024
	blkidNothing     = 2 // exit codes, blkid(8)
	blkidAmbivalent  = 8
	signatureMax     = 64      // bytes of each word of it
	readableBytes    = 1 << 20 // the part that most signatures are in
	partitionTable   = "partition table"
	blkidInstallHint = "install util-linux, which has it, or use --force if you are sure that the disk is free"
)

// Blkid lists what is on a device by running `blkid -p`. Nothing found is an empty list and no error.
func Blkid(path string) ([]Signature, error) {
	ctx, cancel := context.WithTimeout(context.Background(), blkidTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "blkid", "-p", "-o", "export", path)
	cmd.Env = []string{"PATH=/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL=C"}
	cmd.WaitDelay = time.Second
	out, stderr := capped{max: blkidBytesMax}, capped{max: blkidBytesMax}
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return parseBlkid(out.Bytes()), nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: blkid gave no answer in %v: does the disk answer at all?", ErrUnknown, blkidTime)
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%w: there is no blkid: %s", ErrUnknown, blkidInstallHint)
	case errors.As(err, &exit) && exit.ExitCode() == blkidNothing:
		return nil, readable(path)
	case errors.As(err, &exit) && exit.ExitCode() == blkidAmbivalent:
		return []Signature{{Type: "of several kinds at once", Usage: "data"}}, nil
	}
	return nil, fmt.Errorf("%w: blkid %s: %w %s", ErrUnknown, path, err, strings.TrimSpace(stderr.String()))
}

// readable tells a device with nothing on it from one that cannot be read: blkid ends in the same way for both.
func readable(path string) error {
	f, err := os.Open(path)
	if err == nil {
		_, err = io.CopyN(io.Discard, f, readableBytes)
		_ = f.Close()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return nil
}

// parseBlkid reads KEY=VALUE lines. A device has at most one filesystem or the like, and one partition table.
func parseBlkid(out []byte) []Signature {
	var data, table Signature
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		value = printable(value)
		switch key {
		case "TYPE":
			data.Type = value
		case "USAGE":
			data.Usage = value
		case "LABEL":
			data.Label = value
		case "UUID":
			data.UUID = value
		case "PTTYPE":
			table.Type, table.Usage = value, partitionTable
		case "PTUUID":
			table.UUID = value
		}
	}
	var list []Signature
	for _, s := range []Signature{data, table} {
		if s.Type != "" {
			list = append(list, s)
		}
	}
	return list
}

// printable bounds what a disk made blkid say, and keeps it from spoiling a terminal.
func printable(s string) string {
	s = s[:min(len(s), signatureMax)]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

// capped keeps the beginning of what is written to it.
type capped struct {
	bytes.Buffer
	max int
}

func (c *capped) Write(p []byte) (int, error) {
	c.Buffer.Write(p[:min(len(p), max(0, c.max-c.Len()))])
	return len(p), nil
}
