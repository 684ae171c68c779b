// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// ErrName says that a certificate or a DNS name does not name a node of a cluster.
var ErrName = errors.New("names no node of a plexus cluster")

// Name is what a certificate says of its holder.
type Name struct {
	Cluster view.ClusterID
	Node    view.NodeID
}

const (
	namePrefix = "node-"
	nameSuffix = ".plexus.internal"
)

func (n Name) String() string { return fmt.Sprintf("node %d of cluster %s", n.Node, n.Cluster) }

// DNS returns the one DNS name in the certificate, node-3.CLUSTERID.plexus.internal.
func (n Name) DNS() string {
	return namePrefix + strconv.FormatUint(uint64(n.Node), 10) + "." + string(n.Cluster) + nameSuffix
}

// ParseName reads what DNS returns.
func ParseName(dns string) (Name, error) {
	node, rest, dot := strings.Cut(dns, ".")
	digits, prefix := strings.CutPrefix(node, namePrefix)
	cluster, suffix := strings.CutSuffix(rest, nameSuffix)
	id, err := strconv.ParseUint(digits, 10, 32)
	n := Name{view.ClusterID(cluster), view.NodeID(id)}
	if !dot || !prefix || !suffix || err != nil || n.Node == 0 || n.Node > view.NodesMax || n.DNS() != dns {
		return Name{}, fmt.Errorf("%q %w", dns, ErrName)
	}
	if err := CheckCluster(n.Cluster); err != nil {
		return Name{}, fmt.Errorf("%q %w: %w", dns, ErrName, err)
	}
	return n, nil
}

// CheckCluster refuses what is not 32 lower-case hexadecimal digits.
func CheckCluster(c view.ClusterID) error {
	if len(c) != 32 || strings.Trim(string(c), "0123456789abcdef") != "" {
		return fmt.Errorf("cluster id %q is not 32 lower-case hexadecimal digits", string(c))
	}
	return nil
}

// NameOf returns whom a certificate names. It does not verify the certificate.
func NameOf(cert *x509.Certificate) (Name, error) {
	if len(cert.DNSNames) != 1 {
		return Name{}, fmt.Errorf("certificate of %q %w: it has %d DNS names", cert.Subject, ErrName, len(cert.DNSNames))
	}
	return ParseName(cert.DNSNames[0])
}
