// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

var addresses = []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:4841"), netip.MustParseAddrPort("[fd00::2]:4841")}

func token(t testing.TB) Token {
	t.Helper()
	token, err := authority(t).NewToken(addresses)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenIsOneLineAndComesBack(t *testing.T) {
	token := token(t)
	text := token.Text()
	if strings.ContainsAny(text, " \n\t+/=") {
		t.Fatalf("not one plain word: %q", text)
	}
	back, err := ParseToken("  " + text + "\n")
	if err != nil || !reflect.DeepEqual(back, token) {
		t.Fatalf("got %v, %v", back, err)
	}
}

func TestATokenThatLostALetterIsNoToken(t *testing.T) {
	text := token(t).Text()
	for i := range text {
		for _, bad := range []string{text[:i] + text[i+1:], text[:i] + "~" + text[i+1:], text[:i]} {
			if _, err := ParseToken(bad); !errors.Is(err, ErrToken) {
				t.Fatalf("%q: %v", bad, err)
			}
		}
	}
}

func TestATokenDoesNotPrintItsSecret(t *testing.T) {
	token := token(t)
	raw := string(token.Secret[:])
	hex := fmt.Sprintf("%x", raw)
	printed := fmt.Sprintf("%v %+v %#v %s", token, token, token, token.Secret)
	if strings.Contains(printed, raw) || strings.Contains(printed, hex) || !strings.Contains(printed, token.Secret.Hash()) {
		t.Fatal(printed)
	}
}

func TestATokenNeedsAnAddress(t *testing.T) {
	a := authority(t)
	for _, list := range [][]netip.AddrPort{nil, make([]netip.AddrPort, TokenAddressesMax+1)} {
		if _, err := a.NewToken(list); err == nil {
			t.Errorf("a token with %d addresses was made", len(list))
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(token(f).Text())
	f.Add(tokenPrefix)
	f.Add(tokenPrefix + "AAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Fatal(err)
			}
			return
		}
		if token.Text() != strings.TrimSpace(text) {
			t.Fatalf("%q came back as %q", text, token.Text())
		}
	})
}
