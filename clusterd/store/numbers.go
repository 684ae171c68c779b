// SPDX-License-Identifier: Apache-2.0

package store

import "path/filepath"

// NumbersName is the file in the state directory.
const NumbersName = "numbers.json"

// Numbers are those that only grow, over restarts and boots. A number is on stable storage before it is given out: none
// is given twice.
type Numbers struct {
	fs   FS
	path string
	now  numbers
}

type numbers struct {
	Life         uint64 `json:"life"`
	ConfigdStart uint64 `json:"configd_start"`
	Request      uint64 `json:"request"`
}

// requestBlock is how many request numbers are taken from the disk at a time.
const requestBlock = 1 << 20

// OpenNumbers reads the numbers in dir; where there are none they begin at one.
func OpenNumbers(fsys FS, dir string) (*Numbers, error) {
	n := &Numbers{fs: fsys, path: filepath.Join(dir, NumbersName)}
	_, err := loadValue(fsys, n.path, &n.now)
	return n, err
}

// NextLife returns the number of a new life of this node: one start of clusterd. It is at least floor, which is the clock:
// so it grows even where the state directory was lost.
func (n *Numbers) NextLife(floor uint64) (uint64, error) {
	n.now.Life = max(n.now.Life, floor)
	return n.next(func(now *numbers) *uint64 { return &now.Life }, 1)
}

// NextStart returns the number of a new start of configd.
func (n *Numbers) NextStart() (uint64, error) {
	return n.next(func(now *numbers) *uint64 { return &now.ConfigdStart }, 1)
}

// NextRequests returns the first of requestBlock numbers for requests to the cluster; they are all the caller's.
func (n *Numbers) NextRequests() (first, count uint64, err error) {
	last, err := n.next(func(now *numbers) *uint64 { return &now.Request }, requestBlock)
	return last - requestBlock + 1, requestBlock, err
}

// next raises one number by step. When it cannot be saved it is not used, and not given later either.
func (n *Numbers) next(which func(*numbers) *uint64, step uint64) (uint64, error) {
	*which(&n.now) += step
	value := *which(&n.now)
	if err := saveValue(n.fs, n.path, n.now); err != nil {
		return 0, err
	}
	return value, nil
}
