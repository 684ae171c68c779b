// SPDX-License-Identifier: Apache-2.0

package store

// SetSlack makes the log rewrite itself early.
func (l *Log) SetSlack(bytes int) { l.slack = bytes }
