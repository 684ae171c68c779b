// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/plexus-cvm/plexus/clusterd/api"
	"github.com/plexus-cvm/plexus/clusterd/member"
	"github.com/plexus-cvm/plexus/clusterd/pki"
	"github.com/plexus-cvm/plexus/clusterd/pki/enroll"
	"github.com/plexus-cvm/plexus/clusterd/store"
)

// Files in the state directory.
const (
	foundingName = "founding"   // there while a cluster is being founded: what it made so far does not count
	peersName    = "peers.json" // the nodes, for one whose log does not name them: it has not joined yet, or has lost it
)

// found makes a cluster of this node. Where that fails nothing of it is left.
func (l *Loop) found(name string) error {
	authority, err := pki.NewAuthority(pki.NewClusterID())
	if err != nil {
		return err
	}
	id, err := authority.Identify(pki.Name{Cluster: authority.Cluster, Node: 1})
	if err != nil {
		return err
	}
	mark := filepath.Join(l.cfg.StateDir, foundingName)
	if err := store.WriteFile(store.Disk, mark, []byte(authority.Cluster), 0o600); err != nil {
		return fmt.Errorf("found a cluster: %w", err)
	}
	if err := l.adopt(authority, id); err != nil {
		return errors.Join(fmt.Errorf("found a cluster: %w", err), store.RemoveFile(store.Disk, mark))
	}
	l.step(member.Init{Cluster: authority.Cluster, Self: member.Record{
		Name: name, Addrs: l.addrs(), Key: pki.KeyID(id.Certificate.Leaf.PublicKey.(ed25519.PublicKey)),
	}})
	if l.fatal != nil {
		return fmt.Errorf("found a cluster: %w", l.fatal) // the next start forgets what there is
	}
	if err := store.RemoveFile(store.Disk, mark); err != nil {
		l.log.Warn("left behind", "error", err) // the log is there: the next start only takes it away
	}
	return nil
}

// adopt saves an identity and opens the machine and the link with it, or leaves nothing of it.
func (l *Loop) adopt(a *pki.Authority, id *pki.Identity) error {
	err := pki.Save(l.pkiDir(), a, id)
	if err == nil {
		l.identity = id
		err = l.open()
	}
	if err != nil {
		l.identity = nil
		return errors.Join(err, os.RemoveAll(l.pkiDir()))
	}
	return nil
}

// enrolled takes up what the cluster has answered to a token. The peers are on disk before the certificate is: with that
// this node joins by itself when it starts, and has nobody else to ask. Where it fails the token is good once more: the
// cluster knows the key.
func (l *Loop) enrolled(got enroll.Joined) error {
	l.nodes = nil
	for _, p := range got.Peers {
		n := api.Node{Node: p.Node, Name: p.Name}
		if len(p.Addresses) == 2 {
			n.Member, n.Config = p.Addresses[0], p.Addresses[1]
		}
		l.nodes = append(l.nodes, n)
	}
	if err := l.savePeers(); err != nil {
		return fmt.Errorf("join cluster %s: %w", got.Identity.Name.Cluster, err)
	}
	if err := l.adopt(got.Authority, got.Identity); err != nil {
		return fmt.Errorf("join cluster %s: %w", got.Identity.Name.Cluster, err)
	}
	return nil
}

// forgetHalf takes away what a founding made that did not come to its end. It did if the log is there.
func (l *Loop) forgetHalf(disk member.Disk) error {
	mark := filepath.Join(l.cfg.StateDir, foundingName)
	if _, err := os.Stat(mark); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if disk.Meta.Raft == 0 {
		l.log.Warn("a cluster was being founded and did not come to be: forgotten")
		if err := os.RemoveAll(l.pkiDir()); err != nil {
			return fmt.Errorf("forget a cluster that did not come to be: %w", err)
		}
	}
	return store.RemoveFile(store.Disk, mark)
}

// keepPeers saves where the nodes are, if that is news.
func (l *Loop) keepPeers() {
	if slices.Equal(l.kept, l.nodes) {
		return
	}
	if err := l.savePeers(); err != nil {
		l.log.Warn("peers not saved; without its log this node would not find the others", "error", err)
	}
}

func (l *Loop) savePeers() error {
	text, err := json.Marshal(l.nodes)
	if err != nil {
		panic("BUG: marshal peers: " + err.Error())
	}
	if err := store.WriteFile(store.Disk, filepath.Join(l.cfg.StateDir, peersName), text, 0o600); err != nil {
		return err
	}
	l.kept = l.nodes
	return nil
}

// recallPeers looks up where the others were, for a node whose log does not tell.
func (l *Loop) recallPeers() {
	text, err := os.ReadFile(filepath.Join(l.cfg.StateDir, peersName))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var nodes []api.Node
	if err == nil {
		err = json.Unmarshal(text, &nodes)
	}
	if err != nil {
		l.log.Warn("peers not read", "error", err)
		return
	}
	l.nodes, l.kept = nodes, nodes
	l.port.SetPeers(l.peers())
}
