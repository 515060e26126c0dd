package kafka_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// front is what stands before a real broker and asks for AWS_MSK_IAM, which no
// broker outside of AWS has: it ends TLS, judges the client's message, and
// hands all else to the broker, with its own address in place of the broker's.
type front struct {
	t       *testing.T
	broker  string
	address string
	config  *tls.Config
	judge   func(message []byte) error // of what a client authenticates with
}

func newFront(t *testing.T, broker string, pair tls.Certificate, judge func([]byte) error) *front {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	f := &front{t: t, broker: broker, address: listener.Addr().String(), judge: judge,
		config: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			go f.serve(tls.Server(client, f.config))
		}
	}()
	return f
}

// asked is a request that the broker has still to answer.
type asked struct{ key, version int16 }

// serve ends when either side does.
func (f *front) serve(client net.Conn) {
	defer client.Close()
	broker, err := net.Dial("tcp", f.broker)
	if err != nil {
		return
	}
	defer broker.Close()
	pending := make(chan asked, 1000) // the broker answers in order
	go f.answers(broker, client, pending)
	for known := false; ; {
		frame, err := readFrame(client)
		if err != nil {
			return
		}
		key, version := int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
		switch kmsg.Key(key) {
		case kmsg.SASLHandshake, kmsg.SASLAuthenticate:
			answer, ok := f.sasl(frame, key, version)
			known = ok
			if writeFrame(client, answer) != nil {
				return
			}
		case kmsg.ApiVersions:
			pending <- asked{key, version}
			err = writeFrame(broker, frame)
		default:
			if !known {
				return
			}
			pending <- asked{key, version}
			err = writeFrame(broker, frame)
		}
		if err != nil {
			return
		}
	}
}

// sasl answers a request of the handshake; known says that it was the last.
func (f *front) sasl(frame []byte, key, version int16) (answer []byte, known bool) {
	request := kmsg.RequestForKey(key)
	request.SetVersion(version)
	if err := request.ReadFrom(requestBody(frame, request.IsFlexible())); err != nil {
		f.t.Errorf("a request of the handshake: %v", err)
		return nil, false
	}
	response := request.ResponseKind()
	switch r := response.(type) {
	case *kmsg.SASLHandshakeResponse:
		r.SupportedMechanisms = []string{"AWS_MSK_IAM"}
		if request.(*kmsg.SASLHandshakeRequest).Mechanism != "AWS_MSK_IAM" {
			r.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		}
	case *kmsg.SASLAuthenticateResponse:
		r.SASLAuthBytes = []byte(`{"version":"2020_10_22","request-id":"00000000-0000-0000-0000-000000000000"}`)
		if err := f.judge(request.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes); err != nil {
			r.ErrorCode, r.ErrorMessage, r.SASLAuthBytes = kerr.SaslAuthenticationFailed.Code, kmsg.StringPtr(err.Error()), nil
		}
		known = r.ErrorCode == 0
	}
	answer = append([]byte{}, frame[4:8]...)
	if response.IsFlexible() {
		answer = append(answer, 0) // no tags
	}
	return response.AppendTo(answer), known
}

// answers hands on what the broker says.
func (f *front) answers(broker, client net.Conn, pending <-chan asked) {
	defer client.Close()
	for {
		frame, err := readFrame(broker)
		if err != nil {
			return
		}
		q := <-pending
		if request := kmsg.RequestForKey(q.key); kmsg.Key(q.key) == kmsg.Metadata || kmsg.Key(q.key) == kmsg.FindCoordinator {
			request.SetVersion(q.version)
			frame = f.moved(frame, request.ResponseKind())
		}
		if writeFrame(client, frame) != nil {
			return
		}
	}
}

// moved puts the front's address into an answer that names brokers.
func (f *front) moved(frame []byte, response kmsg.Response) []byte {
	header := 4
	if response.IsFlexible() {
		header++
	}
	if err := response.ReadFrom(frame[header:]); err != nil {
		f.t.Errorf("an answer of the broker: %v", err)
		return frame
	}
	host, text, _ := net.SplitHostPort(f.address)
	number, _ := strconv.Atoi(text) // of our own listener
	port := int32(number)
	switch r := response.(type) {
	case *kmsg.MetadataResponse:
		for i := range r.Brokers {
			r.Brokers[i].Host, r.Brokers[i].Port = host, port
		}
	case *kmsg.FindCoordinatorResponse:
		r.Host, r.Port = host, port
		for i := range r.Coordinators {
			r.Coordinators[i].Host, r.Coordinators[i].Port = host, port
		}
	}
	return response.AppendTo(frame[:header:header])
}

// requestBody is what follows a request's header.
func requestBody(frame []byte, flexible bool) []byte {
	body := frame[10+max(0, int(int16(binary.BigEndian.Uint16(frame[8:])))):]
	if flexible {
		body = body[1:] // no tags
	}
	return body
}

func readFrame(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 8 || n > 64<<20 {
		return nil, errors.New("no frame of Kafka's protocol")
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(r, frame)
	return frame, err
}

func writeFrame(w io.Writer, frame []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...))
	return err
}
