// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// skipsFile lists the skips that CI accepts, one a line: a pattern for the test's name, a bar, a pattern for the reason
// that it gives. A `*` stands for any text. Blank lines and lines that begin with # are for the reader.
const skipsFile = ".ci/skips"

// allowed is one line of the list.
type allowed struct {
	line         string
	name, reason *regexp.Regexp
}

func loadSkips(path string) ([]allowed, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the list of skips: %w", err)
	}
	list, err := parseSkips(string(text))
	if err != nil {
		return nil, fmt.Errorf("read the list of skips %s: %w", path, err)
	}
	return list, nil
}

func parseSkips(text string) ([]allowed, error) {
	var list []allowed
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, reason, ok := strings.Cut(line, "|")
		name, reason = strings.TrimSpace(name), strings.TrimSpace(reason)
		if !ok || name == "" || reason == "" {
			return nil, fmt.Errorf("line %d is not `NAME | REASON`: %q", i+1, line)
		}
		list = append(list, allowed{line, glob(name), glob(reason)})
	}
	return list, nil
}

// glob is a pattern in which only `*` is special.
func glob(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
}

// listed reports whether one of the lines accepts the skip.
func listed(list []allowed, s skip) bool {
	for _, a := range list {
		if a.name.MatchString(s.name) && a.reason.MatchString(s.reason) {
			return true
		}
	}
	return false
}
