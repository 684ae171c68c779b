// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"fmt"
	"strings"
)

const (
	nameBytesMax = 127 // DM_NAME_LEN without the closing zero
	uuidBytesMax = 128 // DM_UUID_LEN without the closing zero
)

// nameBytes are the bytes that libdevmapper and udev leave as they are; any other would be shown mangled by other tools.
const nameBytes = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#+-.:=@_"

// ValidateName says why name cannot name a device of ours.
func ValidateName(name string) error {
	switch name {
	case "":
		return fmt.Errorf("device name is empty")
	case ".", "..", "control": // each stands for something else in /dev/mapper
		return fmt.Errorf("device name %q is reserved", name)
	}
	return validate("device name", name, nameBytesMax)
}

// ValidateUUID says why uuid cannot be the uuid of a device of ours. None at all is allowed.
func ValidateUUID(uuid string) error { return validate("device uuid", uuid, uuidBytesMax) }

func validate(what, s string, bytesMax int) error {
	if len(s) > bytesMax {
		return fmt.Errorf("%s %.20q...: %d bytes, at most %d", what, s, len(s), bytesMax)
	}
	for i := range len(s) {
		if strings.IndexByte(nameBytes, s[i]) < 0 {
			return fmt.Errorf("%s %q: byte %q is not one of letters, digits and #+-.:=@_", what, s, s[i])
		}
	}
	return nil
}

// VolumeName is the dm name of a volume: group and volume joined by a hyphen, hyphens inside either doubled, as LVM does.
// A volume's name does not begin with a hyphen, so [SplitName] finds the parts again.
func VolumeName(group, volume string) string {
	return strings.ReplaceAll(group, "-", "--") + "-" + strings.ReplaceAll(volume, "-", "--")
}

// SplitName undoes [VolumeName]; ok is false for a name that VolumeName does not make.
func SplitName(name string) (group, volume string, ok bool) {
	cut := -1
	for i := 0; i < len(name); {
		run := 0
		for i+run < len(name) && name[i+run] == '-' {
			run++
		}
		// Doubled hyphens come in even numbers. In an odd run the last one is the separator: what follows it is the
		// beginning of the volume's name, which is no hyphen.
		if run%2 == 1 {
			if cut >= 0 {
				return "", "", false
			}
			cut = i + run - 1
		}
		i += max(run, 1)
	}
	if cut <= 0 || cut == len(name)-1 {
		return "", "", false
	}
	return strings.ReplaceAll(name[:cut], "--", "-"), strings.ReplaceAll(name[cut+1:], "--", "-"), true
}
