// SPDX-License-Identifier: Apache-2.0

package enroll

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/plexus-cvm/plexus/clusterd/pki"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// member is node 1 of a cluster with its listener for joiners.
type member struct {
	t         testing.TB
	authority *pki.Authority
	address   netip.AddrPort
	served    chan error
}

func newMember(t testing.TB, redeem Redeem) *member {
	t.Helper()
	a, err := pki.NewAuthority(pki.NewClusterID())
	if err != nil {
		t.Fatal(err)
	}
	id, err := a.Identify(pki.Name{Cluster: a.Cluster, Node: 1})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{id.Certificate}, NextProtos: []string{Protocol},
	})
	if err != nil {
		t.Fatal(err)
	}
	m := &member{t, a, listener.Addr().(*net.TCPAddr).AddrPort(), make(chan error, 8)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			m.served <- Serve(context.Background(), conn.(*tls.Conn), a, redeem)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return m
}

func (m *member) token() pki.Token {
	m.t.Helper()
	token, err := m.authority.NewToken([]netip.AddrPort{m.address})
	if err != nil {
		m.t.Fatal(err)
	}
	return token
}

func newJoiner(t testing.TB) Joiner {
	key, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return Joiner{Name: "beta", Addresses: []string{"10.0.0.2:4841"}, Key: key}
}

var peers = []Peer{{Node: 1, Name: "alpha", Addresses: []string{"10.0.0.1:4841"}}}

func grant(asked *Redemption) Redeem {
	return func(_ context.Context, r Redemption) (Grant, error) {
		*asked = r
		return Grant{Node: 2, Peers: peers}, nil
	}
}

func TestAJoinerWithATokenGetsWhatMakesItANode(t *testing.T) {
	var asked Redemption
	m := newMember(t, grant(&asked))
	token, j := m.token(), newJoiner(t)
	joined, err := Ask(t.Context(), token, j)
	if err != nil {
		t.Fatal(err)
	}
	if want := (pki.Name{Cluster: token.Cluster, Node: 2}); joined.Identity.Name != want {
		t.Fatalf("got %v", joined.Identity.Name)
	}
	if !reflect.DeepEqual(joined.Peers, peers) {
		t.Fatalf("peers %v", joined.Peers)
	}
	want := Redemption{token.Secret.Hash(), pki.KeyID(j.Key.Public().(ed25519.PublicKey)), j.Name, j.Addresses, false}
	if !reflect.DeepEqual(asked, want) {
		t.Fatalf("the cluster was asked for %+v, want %+v", asked, want)
	}
	// It holds the authority's key now and can admit the next node.
	if _, err := joined.Authority.Identify(pki.Name{Cluster: token.Cluster, Node: 3}); err != nil {
		t.Fatal(err)
	}
}

func TestTheClustersNoReachesTheJoiner(t *testing.T) {
	m := newMember(t, func(context.Context, Redemption) (Grant, error) {
		return Grant{}, errors.New("the join token is unknown or used up")
	})
	token := m.token()
	token.Addresses = append(token.Addresses, token.Addresses[0])
	_, err := Ask(t.Context(), token, newJoiner(t))
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "used up") {
		t.Fatal(err)
	}
	if err := <-m.served; err == nil || len(m.served) != 0 {
		t.Fatalf("served %v, and the next address was asked after a refusal", err)
	}
}

func TestTheNextAddressIsAskedWhenOneIsDead(t *testing.T) {
	m := newMember(t, grant(new(Redemption)))
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := dead.Addr().(*net.TCPAddr).AddrPort()
	dead.Close()
	token := m.token()
	token.Addresses = slices.Insert(token.Addresses, 0, address)
	if _, err := Ask(t.Context(), token, newJoiner(t)); err != nil {
		t.Fatal(err)
	}
	token.Addresses = token.Addresses[:1]
	if _, err := Ask(t.Context(), token, newJoiner(t)); err == nil || !strings.Contains(err.Error(), address.String()) {
		t.Fatal(err)
	}
}

// The secret must not reach a server that is not the token's.
func TestAServerThatIsNotTheTokensIsNotTalkedTo(t *testing.T) {
	asked := Redemption{}
	m, other := newMember(t, grant(&asked)), newMember(t, grant(new(Redemption)))
	foreign, renamed := other.token(), m.token()
	foreign.Addresses = m.token().Addresses
	renamed.Cluster = pki.NewClusterID()
	for _, token := range []pki.Token{foreign, renamed} {
		if _, err := Ask(t.Context(), token, newJoiner(t)); err == nil || asked.TokenHash != "" {
			t.Fatalf("%v, asked %v", err, asked)
		}
	}
}

func TestAskingForSomebodyElsesKeyIsRefused(t *testing.T) {
	asked := Redemption{}
	m := newMember(t, grant(&asked))
	token, j, other := m.token(), newJoiner(t), newJoiner(t)
	conn := m.dial()
	text, err := proofText(conn)
	if err != nil {
		t.Fatal(err)
	}
	a := ask{
		Secret: token.Secret[:], Name: j.Name, Addresses: j.Addresses,
		Key: j.Key.Public().(ed25519.PublicKey), Proof: ed25519.Sign(other.Key, text),
	}
	if got := m.tell(conn, a); got.Handover != nil || !strings.Contains(got.Error, "does not hold the key") {
		t.Fatalf("%+v", got)
	}
	// A proof made on one connection is worth nothing on another.
	a.Proof = ed25519.Sign(j.Key, text)
	if got := m.tell(m.dial(), a); got.Handover != nil || asked.TokenHash != "" {
		t.Fatalf("%+v", got)
	}
}

func TestBadAsksAreAnsweredWithWhatIsWrong(t *testing.T) {
	m := newMember(t, grant(new(Redemption)))
	good := func() ask {
		j := newJoiner(t)
		return ask{Secret: make([]byte, 32), Name: "n", Addresses: j.Addresses, Key: j.Key.Public().(ed25519.PublicKey)}
	}
	for want, change := range map[string]func(*ask){
		"secret has 1 bytes": func(a *ask) { a.Secret = a.Secret[:1] },
		"a node name has":    func(a *ask) { a.Name = "" },
		"public key has":     func(a *ask) { a.Key = nil },
		"0 addresses":        func(a *ask) { a.Addresses = nil },
		"an address has at":  func(a *ask) { a.Addresses = []string{strings.Repeat("1", 65)} },
	} {
		a := good()
		change(&a)
		if got := m.tell(m.dial(), a); !strings.Contains(got.Error, want) {
			t.Errorf("%s: %+v", want, got)
		}
	}
}

func TestAMessageThatEndsEarlyOrNeverIsRefused(t *testing.T) {
	var a ask
	if err := read(strings.NewReader(`{"name":`), &a); err == nil || !strings.Contains(err.Error(), "8 bytes") {
		t.Error(err)
	}
	endless := io.LimitReader(endless{}, 10*messageBytesMax)
	if err := read(endless, &a); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Error(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "xxxxxxxxxxxxxxxx"), nil }

func (m *member) dial() *tls.Conn {
	m.t.Helper()
	conn, err := tls.Dial("tcp", m.address.String(), &tls.Config{NextProtos: []string{Protocol}, InsecureSkipVerify: true})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { conn.Close() })
	return conn
}

func (m *member) tell(conn *tls.Conn, a ask) answer {
	m.t.Helper()
	if err := write(conn, a); err != nil {
		m.t.Fatal(err)
	}
	var got answer
	if err := read(conn, &got); err != nil {
		m.t.Fatal(err)
	}
	return got
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"secret":"AAAA","name":"a","addresses":["b"],"key":"AAAA","proof":"AAAA"}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"secret":1}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a ask
		if read(bytes.NewReader(b), &a) != nil {
			return
		}
		if a.check() == nil && len(a.Key) != ed25519.PublicKeySize {
			t.Fatal("an ask without a key passed")
		}
		var again ask
		var wire bytes.Buffer
		if err := write(&wire, a); err != nil {
			return // escapes have made it longer than the limit
		}
		if err := read(&wire, &again); err != nil || !reflect.DeepEqual(a, again) {
			t.Fatalf("%+v came back as %+v, %v", a, again, err)
		}
	})
}
