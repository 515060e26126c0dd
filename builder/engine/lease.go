package engine

import (
	"encoding/json"
	"net"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// patience is how long a user that leaves waits for the engine to end.
const patience = 10 * time.Second

// lease is a connection that keeps an engine alive. The kernel ends it with
// the process that has it.
type lease struct {
	conn    *net.UnixConn
	reports chan report // closed when there are no more
}

// takeLease dials the engine. It is in use as soon as somebody listens: a
// lease may wait for an engine that is only starting.
func takeLease(s *sockets) (*lease, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.path(leaseSocket), Net: "unix"})
	if err != nil {
		return nil, err
	}
	const most = 2 // how starting went, and that others stay
	l := &lease{conn: conn, reports: make(chan report, most)}
	go func() {
		defer close(l.reports)
		lines := json.NewDecoder(limitio.Reader(conn, maxReports))
		for range most {
			var r report
			if lines.Decode(&r) != nil {
				return
			}
			l.reports <- r
		}
	}()
	return l, nil
}

// leave gives the lease back. It returns true where the engine goes on for
// others; else it has ended, or the error says that it did not in time.
func (l *lease) leave() (others bool, err error) {
	defer l.conn.Close()
	_ = l.conn.CloseWrite() // an engine that has ended need not be told
	late := time.After(patience)
	for {
		select {
		case r, more := <-l.reports:
			if r.Others || !more {
				return r.Others, nil
			}
		case <-late:
			return false, fault.New(fault.EngineDown, "ending the engine: it takes more than %s", patience)
		}
	}
}
