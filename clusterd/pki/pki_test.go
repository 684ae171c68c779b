// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

func authority(t testing.TB) *Authority {
	t.Helper()
	a, err := NewAuthority(NewClusterID())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func identity(t testing.TB, a *Authority, n view.NodeID) *Identity {
	t.Helper()
	id, err := a.Identify(Name{a.Cluster, n})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestACertificateNamesItsNodeAndCluster(t *testing.T) {
	a := authority(t)
	id := identity(t, a, 3)
	if want := (Name{a.Cluster, 3}); id.Name != want {
		t.Fatalf("got %v, want %v", id.Name, want)
	}
	cert := id.Certificate.Leaf
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		options := x509.VerifyOptions{Roots: id.Roots, DNSName: id.Name.DNS(), KeyUsages: []x509.ExtKeyUsage{usage}}
		if _, err := cert.Verify(options); err != nil {
			t.Fatal(err)
		}
	}
	other := Name{a.Cluster, 4}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: id.Roots, DNSName: other.DNS()}); err == nil {
		t.Fatal("the certificate of node 3 passes for node 4")
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: identity(t, authority(t), 3).Roots}); err == nil {
		t.Fatal("a certificate of one cluster passes in another")
	}
}

func TestAnAuthorityCannotSignForAnotherCluster(t *testing.T) {
	a := authority(t)
	forged := *a
	forged.Cluster = NewClusterID()
	key, _ := NewKey()
	cert, err := forged.Issue(1, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewIdentity(a.Cert, cert, key); err == nil {
		t.Fatal("a certificate for another cluster was accepted")
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.Cert)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots}); err == nil {
		t.Fatal("the name constraint does not hold")
	}
}

func TestFilesComeBackAndAreSecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pki")
	if _, err := Load(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("nothing there: %v", err)
	}
	a := authority(t)
	id := identity(t, a, 2)
	if err := Save(dir, a, id); err != nil {
		t.Fatal(err)
	}
	if err := Save(dir, a, id); err != nil {
		t.Fatalf("again: %v", err)
	}
	back, err := Load(dir)
	if err != nil || back.Name != id.Name || !back.Authority.Equal(a.Cert) {
		t.Fatalf("got %v, %v", back, err)
	}
	ca, err := LoadAuthority(dir)
	if err != nil || ca.Cluster != a.Cluster || !ca.key.Equal(a.key) {
		t.Fatalf("authority: %v", err)
	}
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		if info, _ := f.Info(); info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
	if err := Save(dir, a, identity(t, a, 3)); err == nil || !strings.Contains(err.Error(), "node 2") {
		t.Fatalf("another node's identity was overwritten: %v", err)
	}
}

func TestPartsThatDoNotBelongTogetherAreRefused(t *testing.T) {
	a, b := authority(t), authority(t)
	one, two := identity(t, a, 1), identity(t, a, 2)
	oneKey := one.Certificate.PrivateKey.(ed25519.PrivateKey)
	for what, err := range map[string]error{
		"key of another node":    second(NewIdentity(a.Cert, two.Certificate.Leaf, oneKey)),
		"authority of another":   second(NewIdentity(b.Cert, one.Certificate.Leaf, oneKey)),
		"node as authority":      second(NewIdentity(two.Certificate.Leaf, one.Certificate.Leaf, oneKey)),
		"authority as node":      second(NewIdentity(a.Cert, a.Cert, a.key)),
		"authority, foreign key": second(parseAuthority(a.Cert.Raw, b.key)),
		"node id zero":           second(a.Issue(0, oneKey.Public().(ed25519.PublicKey))),
		"node id 65":             second(a.Issue(65, oneKey.Public().(ed25519.PublicKey))),
		"short key":              second(a.Issue(1, ed25519.PublicKey("short"))),
		"bad cluster id":         second(NewAuthority("nonsense")),
	} {
		if err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestBadFilesAreNamed(t *testing.T) {
	a := authority(t)
	for _, name := range []string{authorityCert, nodeCert, nodeKey} {
		dir := t.TempDir()
		if err := Save(dir, a, identity(t, a, 1)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add(Name{NewClusterID(), 64}.DNS())
	f.Add("node-03." + strings.Repeat("a", 32) + nameSuffix)
	f.Add("node-1." + nameSuffix)
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseName(s); err == nil && n.DNS() != s {
			t.Fatalf("%q read as %v", s, n)
		} else if err != nil && !errors.Is(err, ErrName) {
			t.Fatal(err)
		}
	})
}
