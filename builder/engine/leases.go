package engine

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"sync"

	"github.com/lockforge/lockforge/builder/fault"
)

// leases are the users of an engine, each of which has a connection. When the
// last one leaves or dies, the engine ends.
type leases struct {
	listener net.Listener
	end      context.CancelFunc // ends the engine

	mu    sync.Mutex
	held  map[net.Conn]bool
	said  []byte // how starting went, once that is known
	ended bool   // nobody may join; who leaves waits for the end of the process
}

// openLeases waits for the first user. Who starts an engine has dialled before,
// so it is there already, or has been and is found to have gone.
func openLeases(listener net.Listener, end context.CancelFunc) (*leases, error) {
	first, err := listener.Accept()
	if err != nil {
		return nil, fault.Wrap(fault.EngineDown, err, "waiting for who started the engine")
	}
	l := &leases{listener: listener, end: end, held: map[net.Conn]bool{}}
	l.join(first)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed by refuse
			}
			l.join(conn)
		}
	}()
	return l, nil
}

// join makes a connection a user's, or closes it where it came too late.
func (l *leases) join(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		_ = conn.Close()
		return
	}
	l.held[conn] = true
	_, _ = conn.Write(l.said) // whoever has gone by now leaves below
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		l.leave(conn)
	}()
}

// leave lets a user go. The connection of the last one ends with the process,
// which is what that user waits for.
func (l *leases) leave(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended && len(l.held) > 1 {
		delete(l.held, conn)
		_ = json.NewEncoder(conn).Encode(report{Others: true}) // it may have died
		_ = conn.Close()
		return
	}
	l.ended = true
	l.end()
}

// refuse lets nobody join any more.
func (l *leases) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	_ = l.listener.Close()
}

// tell says to everybody, and to those who join later, how starting went.
func (l *leases) tell(r report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said, _ = json.Marshal(r) // plain fields: it cannot fail
	l.said = append(l.said, '\n')
	for conn := range l.held {
		_, _ = conn.Write(l.said) // it may have died
	}
}
