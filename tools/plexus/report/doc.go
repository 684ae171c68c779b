// SPDX-License-Identifier: Apache-2.0

// Package report prints values for people: tables whose columns are as wide as they must be, and lengths in bytes with a
// unit. What programs read is JSON and does not come through here.
//
//	DEVICE    SIZE    STATE
//	/dev/sdb  10.00g  ready
//
// Columns of numbers are set to the right, all others to the left. An empty cell is a hyphen, so that a line always has as many
// words as the table has columns, as long as no cell holds a space. No colour, no lines, no dependence on the width of the terminal.
package report
