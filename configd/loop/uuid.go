// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
	"github.com/plexus-cvm/plexus/configd/config"
)

const uuidPrefix = "PLEXUS-"

// uuid is what the dm uuid of a volume says.
type uuid struct {
	group, volume string
	inc           view.Incarnation // zero: of a private group
}

func (u uuid) String() string {
	s := uuidPrefix + u.group + "-" + u.volume
	if u.inc != 0 {
		s += fmt.Sprintf("-%d", u.inc)
	}
	return s
}

func parseUUID(s string) (uuid, bool) {
	rest, ok := strings.CutPrefix(s, uuidPrefix)
	parts := strings.Split(rest, "-")
	if !ok || len(parts) < 2 || len(parts) > 3 || config.CheckID(parts[0]) != nil || config.CheckID(parts[1]) != nil {
		return uuid{}, false
	}
	u := uuid{group: parts[0], volume: parts[1]}
	if len(parts) == 3 {
		n, err := strconv.ParseUint(parts[2], 10, 64)
		if err != nil || n == 0 {
			return uuid{}, false
		}
		u.inc = view.Incarnation(n)
	}
	return u, true
}

// side says which devices of a group belong to this life of the node.
type side struct {
	shared bool
	inc    view.Incarnation
}

// has reports whether the device of that uuid belongs to the group on this side.
func (s side) has(group, id string) bool {
	u, ok := parseUUID(id)
	return ok && u.group == group && u.inc == s.inc
}
