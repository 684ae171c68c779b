// SPDX-License-Identifier: Apache-2.0

package enroll

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/view"
)

const (
	messageBytesMax = 64 << 10
	nameBytesMax    = 64
	addressesMax    = pki.TokenAddressesMax
	addressBytesMax = 64
	proofLabel      = "EXPORTER-plexus-enroll"
)

// ask is the joiner's message.
type ask struct {
	Secret    []byte            `json:"secret"`
	Name      string            `json:"name"`
	Addresses []string          `json:"addresses"`
	Witness   bool              `json:"witness,omitempty"`
	Key       ed25519.PublicKey `json:"key"`
	Proof     []byte            `json:"proof"`
}

// answer is the member's: Error, or all else.
type answer struct {
	Error    string        `json:"error,omitempty"`
	Node     view.NodeID   `json:"node,omitempty"`
	Peers    []Peer        `json:"peers,omitempty"`
	Handover *pki.Handover `json:"handover,omitempty"`
}

// Peer is a node of the cluster and where it is reached.
type Peer struct {
	Node      view.NodeID `json:"node"`
	Name      string      `json:"name"`
	Addresses []string    `json:"addresses"`
}

// write sends one message, a line of JSON.
func write(w io.Writer, message any) error {
	b, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(b) >= messageBytesMax {
		return fmt.Errorf("a message of %d bytes is over the limit of %d", len(b), messageBytesMax)
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// read takes one message, up to its line end.
func read(r io.Reader, message any) error {
	var line []byte
	chunk := make([]byte, 4<<10)
	for {
		n, err := r.Read(chunk)
		line = append(line, chunk[:n]...)
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			return decode(line[:end], message)
		}
		switch {
		case len(line) > messageBytesMax:
			return fmt.Errorf("the message is over the limit of %d bytes", messageBytesMax)
		case err == io.EOF:
			return fmt.Errorf("the connection ended after %d bytes of the message", len(line))
		case err != nil:
			return err
		}
	}
}

func decode(line []byte, message any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(message); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	if d.More() {
		return errors.New("read message: more than one value in a line")
	}
	return nil
}

// check refuses an ask that cannot be right, whatever the cluster says.
func (a ask) check() error {
	switch {
	case len(a.Secret) != len(pki.Secret{}):
		return fmt.Errorf("the secret has %d bytes, not %d", len(a.Secret), len(pki.Secret{}))
	case a.Name == "" || len(a.Name) > nameBytesMax:
		return fmt.Errorf("a node name has 1 to %d bytes, %q has %d", nameBytesMax, a.Name, len(a.Name))
	case len(a.Key) != ed25519.PublicKeySize:
		return fmt.Errorf("the public key has %d bytes, not %d", len(a.Key), ed25519.PublicKeySize)
	case len(a.Addresses) == 0 || len(a.Addresses) > addressesMax:
		return fmt.Errorf("%d addresses; a node has 1 to %d", len(a.Addresses), addressesMax)
	}
	for _, address := range a.Addresses {
		if len(address) > addressBytesMax {
			return fmt.Errorf("an address has at most %d bytes, one has %d", addressBytesMax, len(address))
		}
	}
	return nil
}

// proofText is what the joiner signs: known to the two ends of this connection alone.
func proofText(conn *tls.Conn) ([]byte, error) {
	state := conn.ConnectionState()
	return state.ExportKeyingMaterial(proofLabel, nil, 32)
}
