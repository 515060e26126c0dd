package solve

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/sshforward"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// sockets gives containers at a BuildKit unix sockets whose other end is in
// this process. It answers what BuildKit asks of a client to reach an SSH agent:
// to carry the connections to a socket over the session.
type sockets struct{ open sync.Map } // *listener by id

var _ session.Attachable = &sockets{}

// Register is called by the session.
func (s *sockets) Register(server *grpc.Server) { sshforward.RegisterSSHServer(server, s) }

// listen makes a socket. Closing the listener removes it.
func (s *sockets) listen() (id string, l net.Listener) {
	id = identity.NewID()
	made := &listener{id: id, conns: make(chan net.Conn), closed: make(chan struct{})}
	made.remove = func() {
		s.open.Delete(id)
		close(made.closed)
	}
	s.open.Store(id, made)
	return id, made
}

func (s *sockets) find(id string) (*listener, error) {
	l, ok := s.open.Load(id)
	if !ok {
		return nil, status.Errorf(codes.NotFound, "there is no socket %q", id)
	}
	return l.(*listener), nil
}

// CheckAgent says whether a socket is there.
func (s *sockets) CheckAgent(_ context.Context, r *sshforward.CheckAgentRequest) (*sshforward.CheckAgentResponse, error) {
	if _, err := s.find(r.ID); err != nil {
		return nil, err
	}
	return &sshforward.CheckAgentResponse{}, nil
}

// ForwardAgent carries one connection, until one of its ends closes it.
func (s *sockets) ForwardAgent(stream sshforward.SSH_ForwardAgentServer) error {
	ids := metadata.ValueFromIncomingContext(stream.Context(), sshforward.KeySSHID)
	if len(ids) != 1 {
		return status.Error(codes.InvalidArgument, "a connection to no socket")
	}
	l, err := s.find(ids[0])
	if err != nil {
		return err
	}
	near, far := net.Pipe()
	defer near.Close()
	select {
	case l.conns <- far:
	case <-l.closed:
		return status.Error(codes.Unavailable, "the socket is closed")
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	go func() {
		defer near.Close()
		for {
			m, err := stream.Recv()
			if err != nil {
				return
			}
			if _, err := near.Write(m.Data); err != nil {
				return
			}
		}
	}()
	_, err = io.Copy(sender{stream}, near)
	return err
}

// sender writes to a stream, which keeps nothing of what it has sent.
type sender struct {
	stream sshforward.SSH_ForwardAgentServer
}

func (s sender) Write(p []byte) (int, error) {
	if err := s.stream.Send(&sshforward.BytesMessage{Data: p}); err != nil {
		return 0, err
	}
	return len(p), nil
}

// listener is the serving end of one socket.
type listener struct {
	id     string
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	remove func()
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(l.remove)
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.id, Net: "unix"} }
