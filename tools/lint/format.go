// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"bytes"
	"go/format"
)

// Format: each Go file is as gofmt writes it.
func Format(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.goFiles() {
		if made, err := format.Source(f.Text); err != nil || !bytes.Equal(made, f.Text) {
			found = append(found, in(f.Path, "not formatted; run gofmt -w"))
		}
	}
	return found
}
