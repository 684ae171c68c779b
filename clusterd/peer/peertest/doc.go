// SPDX-License-Identifier: Apache-2.0

// Package peertest gives tests of those who use package peer what a link needs and they may not make themselves: the
// certificates of a node. configd knows of its certificate only the directory, so its tests are given a filled one.
//
// Every cluster that is made here has an id and an authority of its own: ports of two of them refuse each other.
package peertest
