// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"go/ast"
	"regexp"
	"strconv"
	"strings"
)

// weak are openings of an error text that carry nothing: an error is a failure, and its text begins with the verb.
var weak = regexp.MustCompile(`(?i)\b(failed to|failure to|error while|error when|unable to|could not successfully)\b`)

// ErrorTexts: an error says the verb and the object, and does not begin with a capital or end with a full stop.
func ErrorTexts(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.goFiles() {
		if f.Test() {
			continue
		}
		f.calls(func(call *ast.CallExpr, name string) {
			if name != "errors.New" && name != "fmt.Errorf" || len(call.Args) == 0 {
				return
			}
			text := literal(call.Args[0])
			if weak.MatchString(text) {
				found = append(found, t.at(call.Pos(), "error %q: begin with the verb and the object, as in `load table vol0: %%w`", text))
			}
			if strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "...") {
				found = append(found, t.at(call.Pos(), "error %q ends with a full stop; it may be wrapped, leave it out", text))
			}
		})
	}
	return found
}

// Panics: a panic is a broken invariant and says BUG.
func Panics(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.goFiles() {
		if f.Test() {
			continue
		}
		f.calls(func(call *ast.CallExpr, name string) {
			if name == "panic" && !strings.HasPrefix(literal(call.Args[0]), "BUG:") {
				found = append(found, t.at(call.Pos(), "a panic is for a broken invariant and begins with `BUG:`; anything else is an error to return"))
			}
		})
	}
	return found
}

// Tests: a test that is skipped says why, and none waits by sleeping.
func Tests(t *Tree) []Finding {
	var found []Finding
	for _, f := range t.goFiles() {
		if !f.Test() {
			continue
		}
		f.calls(func(call *ast.CallExpr, name string) {
			switch {
			case (strings.HasSuffix(name, ".Skip") || strings.HasSuffix(name, ".SkipNow")) && len(call.Args) == 0:
				found = append(found, t.at(call.Pos(), "a skip without a reason; say what is missing"))
			case name == "time.Sleep":
				found = append(found, t.at(call.Pos(), "a test that sleeps is slow or flaky; wait for the event, or use testing/synctest"))
			}
		})
	}
	return found
}

// literal returns the first string literal in the expression, or "".
func literal(e ast.Expr) (text string) {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if ok && !found {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				text, found = s, true
			}
		}
		return !found
	})
	return text
}
