// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryMutantApplies(t *testing.T) {
	list, err := load("")
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..", "..")
	for _, m := range list {
		if _, err := m.apply(func(name string) (string, error) {
			b, err := os.ReadFile(filepath.Join(root, name))
			return string(b), err
		}); err != nil {
			t.Error(err)
		}
	}
}

func TestAMutantThatNoLongerAppliesIsAnError(t *testing.T) {
	m, err := parse("x", "# breaks x\nfile a.go\n<<<<\nold\n====\nnew\n>>>>\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"nothing of it", "old and old"} {
		_, err := m.apply(func(string) (string, error) { return text, nil })
		if err == nil || !strings.Contains(err.Error(), "does not apply") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestNonsenseIsNotAMutant(t *testing.T) {
	for _, text := range []string{"", "# only words\n", "file a.go\n<<<<\nold\n", "# w\nfile a.go\nwhat\n"} {
		if _, err := parse("x", text); err == nil {
			t.Errorf("%q was read as a mutant", text)
		}
	}
}
