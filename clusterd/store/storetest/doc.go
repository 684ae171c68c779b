// SPDX-License-Identifier: Apache-2.0

// Package storetest has a file system in memory that fails at a chosen operation and can be cloned as a crash would
// leave it.
//
// What survives a crash: of a file, all that was written before its last Sync, and of what came after any beginning, of
// which any part may be rubbish; of a directory, the changes before its last SyncDir, and any beginning of those after,
// in order. That is what a journalling file system with delayed allocation does at its worst.
package storetest
