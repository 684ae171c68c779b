// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/plexus-cvm/plexus/clusterd/store"
)

// Dir is where the files are: ca.crt and ca.key of the authority, node.crt and node.key of this node; all 0600.
const Dir = "/var/lib/plexus/pki"

const (
	authorityCert = "ca.crt"
	authorityKey  = "ca.key"
	nodeCert      = "node.crt"
	nodeKey       = "node.key"

	pemCert = "CERTIFICATE"
	pemKey  = "PRIVATE KEY"
)

// Save writes the authority and the identity into dir, which it makes. node.crt is written last: where it is, all is.
// Two nodes' identities must not mix, so it refuses a directory with another identity in it.
func Save(dir string, a *Authority, id *Identity) error {
	if id.Name.Cluster != a.Cluster {
		panic(fmt.Sprintf("BUG: identity of %v saved beside the authority of cluster %s", id.Name, a.Cluster))
	}
	if old, err := Load(dir); err == nil && old.Name != id.Name {
		return fmt.Errorf("save certificates in %s: they would replace those of %v; `plexus cluster leave` first, then move the directory away",
			dir, old.Name)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("save certificates: %w", err)
	}
	caKey, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("save certificates: %w", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(id.Certificate.PrivateKey)
	if err != nil {
		return fmt.Errorf("save certificates: %w", err)
	}
	for _, f := range []struct {
		name, kind string
		der        []byte
	}{
		{authorityCert, pemCert, a.Cert.Raw},
		{authorityKey, pemKey, caKey},
		{nodeKey, pemKey, key},
		{nodeCert, pemCert, id.Certificate.Leaf.Raw},
	} {
		text := pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der})
		if err := store.WriteFile(store.Disk, filepath.Join(dir, f.name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Load reads this node's identity. Where there is none the error wraps fs.ErrNotExist: the node is in no cluster.
func Load(dir string) (*Identity, error) {
	cert, err := loadCert(filepath.Join(dir, nodeCert))
	if err != nil {
		return nil, err
	}
	authority, err := loadCert(filepath.Join(dir, authorityCert))
	if err != nil {
		return nil, err
	}
	key, err := loadKey(filepath.Join(dir, nodeKey))
	if err != nil {
		return nil, err
	}
	id, err := NewIdentity(authority, cert, key)
	if err != nil {
		return nil, fmt.Errorf("load certificates from %s: %w", dir, err)
	}
	return id, nil
}

// LoadAuthority reads the cluster's authority.
func LoadAuthority(dir string) (*Authority, error) {
	cert, err := loadCert(filepath.Join(dir, authorityCert))
	if err != nil {
		return nil, err
	}
	key, err := loadKey(filepath.Join(dir, authorityKey))
	if err != nil {
		return nil, err
	}
	a, err := parseAuthority(cert.Raw, key)
	if err != nil {
		return nil, fmt.Errorf("load certificate authority from %s: %w", dir, err)
	}
	return a, nil
}

func loadCert(path string) (*x509.Certificate, error) {
	der, err := loadPEM(path, pemCert)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	return cert, nil
}

func loadKey(path string) (ed25519.PrivateKey, error) {
	der, err := loadPEM(path, pemKey)
	if err != nil {
		return nil, err
	}
	return parseKey(path, der)
}

func parseKey(what string, der []byte) (ed25519.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", what, err)
	}
	ed, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("load %s: it holds a %T, not an ed25519 key", what, key)
	}
	return ed, nil
}

func loadPEM(path, kind string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("load certificates: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("load %s: %w", path, errors.New("it is not PEM of a "+kind))
	}
	return block.Bytes, nil
}
