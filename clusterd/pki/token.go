// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strings"

	"github.com/plexus-cvm/plexus/clusterd/view"
)

// ErrToken says that a text is no join token.
var ErrToken = errors.New("not a join token")

// TokenAddressesMax is how many addresses a token carries at most.
const TokenAddressesMax = 8

// Token lets one node join. Its text is
//
//	plexus1-BASE64URL( cluster id 16 | fingerprint 32 | secret 32 | count 1 | count x (length 1, address) | CRC32C 4 )
//
// where the checksum covers what stands before it, so that a token that lost a letter in a mail is not mistaken for one
// that was used up. Whoever has the text can join: it goes to the operator of the new node and nowhere else.
type Token struct {
	Cluster   view.ClusterID
	Authority Fingerprint
	Secret    Secret
	Addresses []netip.AddrPort // where to ask
}

// Secret is what a token is worth. It prints as its hash.
type Secret [32]byte

// Hash returns what the cluster remembers of a token: lower-case hexadecimal SHA-256.
func (s Secret) Hash() string {
	sum := sha256.Sum256(s[:])
	return hex.EncodeToString(sum[:])
}

func (s Secret) String() string { return "secret with hash " + s.Hash() }

// GoString keeps %#v from printing the secret.
func (s Secret) GoString() string { return s.String() }

const tokenPrefix = "plexus1-"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// NewToken makes a token with a fresh secret.
func (a *Authority) NewToken(addresses []netip.AddrPort) (Token, error) {
	if len(addresses) == 0 || len(addresses) > TokenAddressesMax {
		return Token{}, fmt.Errorf("make join token: %d addresses, it takes 1 to %d", len(addresses), TokenAddressesMax)
	}
	t := Token{Cluster: a.Cluster, Authority: a.Fingerprint(), Addresses: addresses}
	rand.Read(t.Secret[:]) // never fails
	return t, nil
}

// Text returns the one line that is given to the operator of the new node.
func (t Token) Text() string {
	cluster, err := hex.DecodeString(string(t.Cluster))
	if err != nil || len(cluster) != 16 || len(t.Addresses) > TokenAddressesMax {
		panic(fmt.Sprintf("BUG: token for cluster %q with %d addresses", t.Cluster, len(t.Addresses)))
	}
	b := append(cluster, t.Authority[:]...)
	b = append(b, t.Secret[:]...)
	b = append(b, byte(len(t.Addresses)))
	for _, a := range t.Addresses {
		text := a.String()
		b = append(append(b, byte(len(text))), text...)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// String names the token without its secret.
func (t Token) String() string {
	return fmt.Sprintf("join token of cluster %s, %v, at %v", t.Cluster, t.Secret, t.Addresses)
}

// ParseToken reads what Text returns.
func ParseToken(text string) (Token, error) {
	body, ok := strings.CutPrefix(strings.TrimSpace(text), tokenPrefix)
	if !ok {
		return Token{}, fmt.Errorf("%w: it does not begin with %s", ErrToken, tokenPrefix)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return Token{}, fmt.Errorf("%w: %w", ErrToken, err)
	}
	n := len(b) - 4
	if n < 0 || binary.BigEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		return Token{}, fmt.Errorf("%w: its checksum is wrong, part of it is missing or changed", ErrToken)
	}
	r := reader{b: b[:n]}
	var t Token
	t.Cluster = view.ClusterID(hex.EncodeToString(r.take(16)))
	copy(t.Authority[:], r.take(len(t.Authority)))
	copy(t.Secret[:], r.take(len(t.Secret)))
	for range r.byte() {
		t.Addresses = append(t.Addresses, r.address())
	}
	switch {
	case r.err != nil:
		return Token{}, fmt.Errorf("%w: %w", ErrToken, r.err)
	case len(r.b) > 0:
		return Token{}, fmt.Errorf("%w: %d bytes too many", ErrToken, len(r.b))
	case len(t.Addresses) == 0 || len(t.Addresses) > TokenAddressesMax:
		return Token{}, fmt.Errorf("%w: it has %d addresses", ErrToken, len(t.Addresses))
	}
	return t, nil
}

// reader takes a token apart; its first error stays.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if len(r.b) < n {
		r.b, r.err = nil, errors.Join(r.err, errors.New("it is too short"))
		return make([]byte, n)
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) address() netip.AddrPort {
	text := string(r.take(int(r.byte())))
	if r.err != nil {
		return netip.AddrPort{}
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil || a.String() != text {
		r.err = fmt.Errorf("%q is no address with a port", text)
	}
	return a
}
