// SPDX-License-Identifier: Apache-2.0

// Package store keeps what clusterd must not forget, in files under /var/lib/plexus. A file is replaced whole:
// written beside the old one, fsync, rename, fsync of the directory; so a crash leaves the old data or the new.
package store
