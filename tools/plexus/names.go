// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/plexus-cvm/plexus/configd/config"
)

// checkName refuses what cannot be the name of a group.
func checkName(c *cobra.Command, group string) error {
	if err := config.CheckName(group); err != nil {
		return misuse(c, "group: %v", err)
	}
	return nil
}

// volumeName splits GROUP/VOLUME. The path of the device is understood too.
func volumeName(c *cobra.Command, arg string) (group, volume string, err error) {
	group, volume, ok := strings.Cut(strings.TrimPrefix(arg, "/dev/plexus/"), "/")
	if !ok {
		return "", "", misuse(c, "volume %.80q is not GROUP/VOLUME", arg)
	}
	for _, name := range []string{group, volume} {
		if err := config.CheckName(name); err != nil {
			return "", "", misuse(c, "volume %.80q: %v", arg, err)
		}
	}
	return group, volume, nil
}
