// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/plexus-cvm/plexus/dm"
)

// Offsets in struct dm_ioctl; a test holds them against unix.DmIoctl.
const (
	offVersion     = 0
	offDataSize    = 12
	offDataStart   = 16
	offTargetCount = 20
	offOpenCount   = 24
	offFlags       = 28
	offEventNr     = 32
	offDev         = 40
	offName        = 48
	offUUID        = 176
	headerBytes    = unix.SizeofDmIoctl
	specBytes      = unix.SizeofDmTargetSpec
)

// align is what the records after the header are aligned to.
const align = 8

var order = binary.NativeEndian

// request is what is asked of the driver.
type request struct {
	name, uuid string
	flags      uint32
	event      uint32
	targets    uint32
	data       []byte
}

// encode lays the request out in a buffer with room for a reply of this size. The interface version asked for is 4.0.0:
// every driver since Linux 2.6 takes it.
func (r request) encode(replyBytes int) []byte {
	buf := make([]byte, headerBytes+max(replyBytes, len(r.data)))
	order.PutUint32(buf[offVersion:], unix.DM_VERSION_MAJOR)
	order.PutUint32(buf[offDataSize:], uint32(len(buf)))
	order.PutUint32(buf[offDataStart:], headerBytes)
	order.PutUint32(buf[offTargetCount:], r.targets)
	order.PutUint32(buf[offFlags:], r.flags)
	order.PutUint32(buf[offEventNr:], r.event)
	copy(buf[offName:offName+unix.DM_NAME_LEN-1], r.name)
	copy(buf[offUUID:offUUID+unix.DM_UUID_LEN-1], r.uuid)
	copy(buf[headerBytes:], r.data)
	return buf
}

// reply is what the driver answered.
type reply struct {
	version   dm.Version
	info      dm.Info
	flags     uint32
	targets   uint32 // records in data, where the reply has targets
	data      []byte
	truncated bool
}

// parseReply reads the header and finds the data.
func parseReply(buf []byte) (reply, error) {
	if len(buf) < headerBytes {
		return reply{}, fmt.Errorf("device-mapper reply of %d bytes is shorter than its header", len(buf))
	}
	flags := order.Uint32(buf[offFlags:])
	r := reply{
		version: dm.Version{
			Major: order.Uint32(buf[offVersion:]), Minor: order.Uint32(buf[offVersion+4:]), Patch: order.Uint32(buf[offVersion+8:]),
		},
		flags:     flags,
		targets:   order.Uint32(buf[offTargetCount:]),
		truncated: flags&unix.DM_BUFFER_FULL_FLAG != 0,
		info: dm.Info{
			Name:        text(buf[offName : offName+unix.DM_NAME_LEN]),
			UUID:        text(buf[offUUID : offUUID+unix.DM_UUID_LEN]),
			Dev:         devNum(order.Uint64(buf[offDev:])),
			HasLive:     flags&unix.DM_ACTIVE_PRESENT_FLAG != 0,
			HasInactive: flags&unix.DM_INACTIVE_PRESENT_FLAG != 0,
			Suspended:   flags&unix.DM_SUSPEND_FLAG != 0,
			ReadOnly:    flags&unix.DM_READONLY_FLAG != 0,
			OpenCount:   int(int32(order.Uint32(buf[offOpenCount:]))),
			Segments:    int(order.Uint32(buf[offTargetCount:])),
			Event:       order.Uint32(buf[offEventNr:]),
		},
	}
	start, size := order.Uint32(buf[offDataStart:]), order.Uint32(buf[offDataSize:])
	if start < headerBytes || int64(start) > int64(len(buf)) || int64(size) > int64(len(buf)) {
		return reply{}, fmt.Errorf("device-mapper reply has its data from %d to %d in %d bytes", start, size, len(buf))
	}
	r.data = buf[start:max(start, size)] // a reply without data ends inside the header
	return r, nil
}

// encodeTable lays the segments out as the driver loads them: each struct dm_target_spec says how far it is to the next.
func encodeTable(t dm.Table) []byte {
	var buf []byte
	var start dm.Sectors
	for _, s := range t {
		params := s.Target.Args()
		next := roundUp(specBytes + len(params) + 1)
		spec := make([]byte, next)
		order.PutUint64(spec[0:], uint64(start))
		order.PutUint64(spec[8:], uint64(s.Length))
		order.PutUint32(spec[20:], uint32(next))
		copy(spec[24:24+unix.DM_MAX_TYPE_NAME-1], s.Target.Type())
		copy(spec[specBytes:], params)
		buf, start = append(buf, spec...), start+s.Length
	}
	return buf
}

// line is a struct dm_target_spec of a reply with the text after it: a line of a table or of a status.
type line struct {
	start, length dm.Sectors
	kind, text    string
}

// parseLines reads the targets of a reply. There the next record is given as its distance from the first.
func parseLines(data []byte, count uint32) ([]line, error) {
	var lines []line
	at := 0
	for i := range count {
		if at > len(data) || len(data)-at < specBytes {
			return nil, fmt.Errorf("target %d of %d at byte %d of %d", i, count, at, len(data))
		}
		spec := data[at:]
		params, ok := cString(spec[specBytes:])
		if !ok {
			return nil, fmt.Errorf("target %d of %d: its text does not end", i, count)
		}
		lines = append(lines, line{
			start: dm.Sectors(order.Uint64(spec[0:])), length: dm.Sectors(order.Uint64(spec[8:])),
			kind: text(spec[24 : 24+unix.DM_MAX_TYPE_NAME]), text: params,
		})
		next := int64(order.Uint32(spec[20:]))
		if i+1 < count && next < int64(at+specBytes) {
			return nil, fmt.Errorf("target %d of %d: the next one is at byte %d", i, count, next)
		}
		at = int(min(next, int64(len(data))))
	}
	return lines, nil
}

// tableOf makes a table of a reply's lines.
func tableOf(lines []line) (dm.Table, error) {
	var t dm.Table
	var end dm.Sectors
	for _, l := range lines {
		if l.start != end || l.length == 0 {
			return nil, fmt.Errorf("segment at sector %d, length %d: the ones before it end at %d", l.start, l.length, end)
		}
		t = append(t, dm.Segment{Length: l.length, Target: dm.Verbatim(l.kind, l.text)})
		end += l.length
	}
	if t == nil {
		return nil, nil
	}
	return t, t.Validate()
}

// parseNames reads a list of devices: struct dm_name_list, each saying how far it is to the next, the last one zero. Without
// devices there is no data, or one record without a number.
func parseNames(data []byte) ([]dm.Entry, error) {
	const nameAt = 12
	var out []dm.Entry
	if len(data) == 0 {
		return nil, nil
	}
	for {
		if len(data) < nameAt {
			return nil, fmt.Errorf("device %d of a list: %d bytes", len(out), len(data))
		}
		dev, next := order.Uint64(data[0:]), order.Uint32(data[8:])
		if dev == 0 && len(out) == 0 {
			return nil, nil
		}
		name, ok := cString(data[nameAt:])
		if !ok {
			return nil, fmt.Errorf("device %d of a list: its name does not end", len(out))
		}
		out = append(out, dm.Entry{Name: name, Dev: devNum(dev)})
		if next == 0 {
			return out, nil
		}
		if next < nameAt || int64(next) > int64(len(data)) {
			return nil, fmt.Errorf("device %d of a list: the next one is %d bytes on, of %d", len(out), next, len(data))
		}
		data = data[next:]
	}
}

// parseDeps reads struct dm_target_deps: a count, padding, device numbers.
func parseDeps(data []byte) ([]dm.DevNum, error) {
	if len(data) < align {
		return nil, fmt.Errorf("dependencies in %d bytes", len(data))
	}
	count := order.Uint32(data)
	data = data[align:]
	if int64(count) > int64(len(data)/8) {
		return nil, fmt.Errorf("%d dependencies in %d bytes", count, len(data))
	}
	var out []dm.DevNum
	for i := range int(count) {
		out = append(out, devNum(order.Uint64(data[8*i:])))
	}
	return out, nil
}

func devNum(dev uint64) dm.DevNum { return dm.DevNum{Major: unix.Major(dev), Minor: unix.Minor(dev)} }

func roundUp(n int) int { return (n + align - 1) / align * align }

// cString is the text up to the zero byte.
func cString(b []byte) (string, bool) {
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		return "", false
	}
	return string(b[:n]), true
}

// text is what a fixed field holds, with or without a zero byte at its end.
func text(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}
