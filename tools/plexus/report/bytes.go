// SPDX-License-Identifier: Apache-2.0

package report

import "fmt"

// units, the largest first: powers of 1024 in lower case, as LVM prints them.
var units = []struct {
	letter byte
	factor uint64
}{
	{'e', 1 << 60}, {'p', 1 << 50}, {'t', 1 << 40}, {'g', 1 << 30}, {'m', 1 << 20}, {'k', 1 << 10},
}

// Bytes prints a length for people: 10.00g, 512.00k, 0. It rounds down, so that nobody is promised more than there is.
func Bytes(n uint64) string {
	for _, u := range units {
		if n >= u.factor {
			hundredths := n / u.factor * 100
			hundredths += n % u.factor / (u.factor / 1024) * 100 / 1024
			return fmt.Sprintf("%d.%02d%c", hundredths/100, hundredths%100, u.letter)
		}
	}
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%db", n)
}
