// SPDX-License-Identifier: Apache-2.0

package peertest

import (
	"testing"

	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

// Found writes the certificates of node 1 of a new cluster into dir, and returns the cluster.
func Found(t testing.TB, dir string) view.ClusterID {
	t.Helper()
	a, err := pki.NewAuthority(pki.NewClusterID())
	if err != nil {
		t.Fatal(err)
	}
	id, err := a.Identify(pki.Name{Cluster: a.Cluster, Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := pki.Save(dir, a, id); err != nil {
		t.Fatal(err)
	}
	return a.Cluster
}
