// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
)

// A small file is a line of JSON and a line with its checksum:
//
//	{"life":7,"configd_start":3}
//	crc32c 1f2e3d4c

// loadValue reads a small file into v. It reports whether there was one.
func loadValue(fsys FS, name string, v any) (bool, error) {
	data, err := fsys.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = parseValue(data, v)
	}
	if err != nil {
		return false, fmt.Errorf("load %s: %w", name, err)
	}
	return true, nil
}

func parseValue(data []byte, v any) error {
	line, sum, _ := bytes.Cut(data, []byte("\n"))
	if string(sum) != checksumLine(line) {
		return fmt.Errorf("%w: the checksum is wrong", ErrCorrupt)
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return nil
}

func saveValue(fsys FS, name string, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("save %s: %w", name, err)
	}
	return WriteFile(fsys, name, append(append(line, '\n'), checksumLine(line)...), 0o600)
}

func checksumLine(line []byte) string {
	return fmt.Sprintf("crc32c %08x\n", crc32.Checksum(line, castagnoli))
}
