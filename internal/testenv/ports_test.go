package testenv_test

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"github.com/lockforge/lockforge/internal/testenv"
)

func TestHeldPortsAreForServersOnly(t *testing.T) {
	const n = 3
	first := testenv.Ports(t, n)
	for port := first; port < first+n; port++ {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		if c, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dialing %s without a server: %v, %v", address, c, err)
		}
		for range 2 { // a server may start again
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
			l.Close()
		}
	}
	// Connections that ask for the port itself do not get it either.
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: first}}
	l, err := net.Listen("tcp", testenv.Address(t))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err := dialer.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("a connection took a held port:", c.LocalAddr())
	}
}

func TestPortsAreNotHeldTwice(t *testing.T) {
	held := map[int]bool{}
	for range 500 {
		port := testenv.Ports(t, 1)
		if held[port] {
			t.Fatalf("port %d is held twice", port)
		}
		held[port] = true
	}
}
