// SPDX-License-Identifier: Apache-2.0

// Command mutants breaks the machines on purpose, one rule at a time, and sees whether the simulator notices. A
// mutant is a file NAME.mutant beside this one:
//
//	# what is broken, in a sentence
//	file clusterd/member/evict.go
//	<<<<
//	the old text, which must stand in the file exactly once
//	====
//	the new text
//	>>>>
//
// with as many files and pieces as it takes. It is built with go build -overlay, so that the tree stays as it is; a
// mutant that no longer applies or builds fails the run. It is caught when the simulator reports a violation, or a
// machine its own BUG, within the seeds given. The last line is
//
//	n of n mutants caught
package main
