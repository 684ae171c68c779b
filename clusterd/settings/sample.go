// SPDX-License-Identifier: Apache-2.0

package settings

import _ "embed"

// Sample is the settings file that a package installs: every key with its default and what it means.
//
//go:embed plexus.toml
var Sample []byte
