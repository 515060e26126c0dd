package solve

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/moby/buildkit/session/sshforward"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// asked is BuildKit's end of the session.
func asked(t *testing.T, s *sockets) sshforward.SSHClient {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	s.Register(server)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return sshforward.NewSSHClient(conn)
}

func TestSockets(t *testing.T) {
	s := &sockets{}
	client := asked(t, s)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	id, l := s.listen()
	go func() { // answers with what it was told, and closes
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 5)
			_, _ = io.ReadFull(c, b)
			_, _ = c.Write(append(b, '!'))
			_ = c.Close()
		}
	}()
	connect := func(id string) sshforward.SSH_ForwardAgentClient {
		stream, err := client.ForwardAgent(metadata.AppendToOutgoingContext(ctx, sshforward.KeySSHID, id))
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}

	if _, err := client.CheckAgent(ctx, &sshforward.CheckAgentRequest{ID: id}); err != nil {
		t.Error(err)
	}
	stream := connect(id)
	for _, part := range []string{"he", "llo"} {
		if err := stream.Send(&sshforward.BytesMessage{Data: []byte(part)}); err != nil {
			t.Fatal(err)
		}
	}
	got := ""
	for {
		m, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got += string(m.Data)
	}
	if got != "hello!" {
		t.Errorf("got %q", got)
	}

	if _, err := connect("another").Recv(); status.Code(err) != codes.NotFound {
		t.Errorf("a socket that is not there: %v", err)
	}
	l.Close()
	l.Close() // as a server does, and its starter
	if _, err := connect(id).Recv(); status.Code(err) != codes.NotFound {
		t.Errorf("a socket that was closed: %v", err)
	}
	if _, err := client.CheckAgent(ctx, &sshforward.CheckAgentRequest{ID: id}); status.Code(err) != codes.NotFound {
		t.Errorf("a socket that was closed is there: %v", err)
	}
}

// TestClosedSocketKeepsNobodyWaiting connects to a socket that nobody serves.
func TestClosedSocketKeepsNobodyWaiting(t *testing.T) {
	s := &sockets{}
	client := asked(t, s)
	id, l := s.listen()
	stream, err := client.ForwardAgent(metadata.AppendToOutgoingContext(t.Context(), sshforward.KeySSHID, id))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { l.Close() })
	if _, err := stream.Recv(); status.Code(err) != codes.Unavailable && status.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
}
