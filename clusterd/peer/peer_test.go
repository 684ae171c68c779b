// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/plexus-cvm/plexus/clusterd/peer/wire"
)

func TestMessagesArriveWholeInOrderAndSayFromWhom(t *testing.T) {
	c := newCluster(t)
	one, two := c.open(c.config(1)), c.open(c.config(2))
	all := []Peer{at(1, one), at(2, two)}
	one.SetPeers(all)
	two.SetPeers(all)
	if up := next[Up](t, one); up.Peer != (ID{2, 1}) {
		t.Fatal(up)
	}
	large := make([]byte, wire.PayloadBytesMax)
	large[len(large)-1] = 7
	for i := range 100 {
		if err := one.Send(2, uint32(i), fmt.Append(nil, "message ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := one.Send(2, 100, large); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		got := next[Received](t, two)
		if got.From != (ID{1, 1}) || got.Kind != uint32(i) || string(got.Data) != fmt.Sprint("message ", i) {
			t.Fatalf("message %d: %v %q", i, got, got.Data)
		}
	}
	if got := next[Received](t, two); len(got.Data) != len(large) || got.Data[len(large)-1] != 7 {
		t.Fatal(got)
	}
	if err := one.Send(2, 1, append(large, 0)); err == nil {
		t.Fatal("a message over the limit was taken")
	}
	if err := one.Send(3, 1, nil); err == nil {
		t.Fatal("a message for nobody was taken")
	}
	if s := one.Stats(); s.Sent != 101 || s.Dropped != 1 || len(s.Refused) != 0 {
		t.Fatalf("%+v", s)
	}
}

func TestARestartedPeerIsFoundAgain(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, two := c.open(c.config(1)), c.open(c.config(2))
	one.SetPeers([]Peer{at(2, two)})
	next[Up](t, one)
	cfg := c.config(2)
	cfg.Listen, cfg.Incarnation = two.Address(), 2
	two.Close()
	if down := next[Down](t, one); down.Peer != (ID{2, 1}) || down.Why == nil {
		t.Fatal(down)
	}
	c.open(cfg)
	if up := next[Up](t, one); up.Peer != (ID{2, 2}) {
		t.Fatal(up)
	}
}

func TestANewIncarnationIsToldToEveryPeer(t *testing.T) {
	c := newCluster(t)
	cfg := c.config(1)
	cfg.Incarnation = 0
	one, two := c.open(cfg), c.open(c.config(2))
	one.SetPeers([]Peer{at(2, two)})
	two.SetPeers([]Peer{at(1, one)})
	if hailed := next[Hailed](t, two); hailed.From != (ID{1, 0}) || hailed.Address != one.Address() {
		t.Fatal(hailed)
	}
	one.SetIncarnation(5)
	if hailed := next[Hailed](t, two); hailed.From != (ID{1, 5}) {
		t.Fatal(hailed)
	}
	if up := next[Up](t, one); up.Peer != (ID{2, 1}) {
		t.Fatal(up)
	}
	one.Send(2, 1, nil)
	if got := next[Received](t, two); got.From != (ID{1, 5}) {
		t.Fatal(got)
	}
}

func TestAPeerThatIsRemovedIsHungUpOn(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, two := c.open(c.config(1)), c.open(c.config(2))
	for range 3 {
		one.SetPeers([]Peer{at(2, two)})
		next[Up](t, one)
		one.SetPeers(nil)
		next[Down](t, one)
	}
	if err := one.Send(2, 1, nil); err == nil {
		t.Fatal("a message for a removed peer was taken")
	}
}

// A peer that has opened a connection and then says nothing more stands for a cut cable and for a stopped machine.
func TestASilentListenerIsGivenUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	cfg := c.config(2)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan struct{})
	defer close(done)
	go func() {
		tcp, err := listener.Accept()
		if err != nil {
			return
		}
		defer tcp.Close()
		conn := tls.Server(tcp, cfg.serverTLS())
		wire.NewReader(conn).Read()
		wire.Write(conn, cfg.ownHello(1, loopback))
		<-done
	}()
	one := c.open(c.config(1))
	one.SetPeers([]Peer{{2, listener.Addr().(*net.TCPAddr).AddrPort()}})
	next[Up](t, one)
	if down := next[Down](t, one); down.Peer != (ID{2, 1}) {
		t.Fatal(down)
	}
}

func TestASilentDiallerIsGivenUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, cfg := c.open(c.config(1)), c.config(2)
	silent := call(t, one, cfg.clientTLS(1))
	silent.say(cfg.ownHello(1, loopback))
	next[Hailed](t, one)
	if silent.refused() != nil { // it ends, and no refusal was said
		t.Fatal("silence was refused, not given up")
	}
	if !c.log.has("node 2 at", "i/o timeout") {
		t.Fatalf("log: %v", c.log)
	}
}

func TestALinkWithNothingToSayStaysUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one, two := c.open(c.config(1)), c.open(c.config(2))
	one.SetPeers([]Peer{at(2, two)})
	next[Up](t, one)
	<-time.After(paceFrom(heartbeat).idle * 3 / 2)
	select {
	case e := <-one.Events():
		t.Fatalf("after one and a half idle times: %v", e)
	default:
	}
}

func TestANewerConnectionReplacesTheOlder(t *testing.T) {
	c := newCluster(t)
	one, cfg := c.open(c.config(1)), c.config(2)
	older := call(t, one, cfg.clientTLS(1))
	older.say(cfg.ownHello(1, loopback))
	next[Hailed](t, one)
	newer := call(t, one, cfg.clientTLS(1))
	newer.say(cfg.ownHello(2, loopback))
	if h := next[Hailed](t, one); h.From != (ID{2, 2}) {
		t.Fatal(h)
	}
	older.refused()
	newer.say(&wire.Frame{Body: &wire.Frame_Payload{Payload: &wire.Payload{Kind: 9}}})
	if got := next[Received](t, one); got.From != (ID{2, 2}) || got.Kind != 9 {
		t.Fatal(got)
	}
}

func TestAPortWhoseEventsNobodyReadsStillCloses(t *testing.T) {
	c := newCluster(t)
	one, two := c.open(c.config(1)), c.open(c.config(2))
	two.SetPeers([]Peer{at(1, one)})
	next[Up](t, two)
	for range 2 * eventsMax {
		two.Send(1, 1, nil)
	}
	eventually(t, "one's events are full", func() bool { return len(one.events) == eventsMax })
	one.Close()
	n := 0
	for range one.Events() {
		n++
	}
	if n != eventsMax {
		t.Fatalf("%d events were kept", n)
	}
}

func TestAJoinerWithoutACertificateIsServedWhereAskedFor(t *testing.T) {
	c := newCluster(t)
	cfg := c.config(1)
	cfg.Enroll = func(_ context.Context, conn *tls.Conn) { io.WriteString(conn, "welcome") }
	one := c.open(cfg)
	joiner := call(t, one, &tls.Config{NextProtos: []string{EnrollProtocol}, InsecureSkipVerify: true})
	got, err := io.ReadAll(joiner.conn)
	if string(got) != "welcome" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	two := c.open(c.config(2)) // serves no joiners
	joiner = call(t, two, &tls.Config{NextProtos: []string{EnrollProtocol}, InsecureSkipVerify: true})
	if _, err := io.ReadAll(joiner.conn); err == nil {
		t.Fatal("a joiner was served where none are")
	}
}
