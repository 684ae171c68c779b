// SPDX-License-Identifier: Apache-2.0

package dm

// SectorBytes is the size of a sector: always 512, whatever the disk's own block size.
const SectorBytes = 512

// Sectors is a count of sectors, or the number of one.
type Sectors uint64

// sectorsMax keeps sizes in bytes within what the kernel's loff_t can hold.
const sectorsMax Sectors = (1<<63 - 1) / SectorBytes

// Bytes is the size in bytes.
func (s Sectors) Bytes() uint64 { return uint64(s) * SectorBytes }
