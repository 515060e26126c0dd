package testenv

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Address is a loopback address, "127.0.0.1:port", for a server that a test
// starts, once or again and again. See HoldPorts.
func Address(t testing.TB) string {
	t.Helper()
	return "127.0.0.1:" + strconv.Itoa(Ports(t, 1))
}

// Ports are n ports in a row for servers of a test, held until it ends.
func Ports(t testing.TB, n int) (first int) {
	t.Helper()
	first, release, err := HoldPorts(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return first
}

// HoldPorts finds n TCP ports of 127.0.0.1 in a row that nobody uses, and holds
// them: the kernel gives them to no connection and to nobody who asks for any
// port, while a server that is told to can listen, if it sets SO_REUSEADDR as
// nearly all do. A port that was only looked for may be another's when the
// server has started, or starts again.
func HoldPorts(n int) (first int, release func(), err error) {
	const tries = 100
	for range tries {
		if first, release, err = holdRow(n); !errors.Is(err, unix.EADDRINUSE) {
			return first, release, err
		}
	}
	return 0, nil, fmt.Errorf("finding %d free ports in a row: %w", n, err)
}

func holdRow(n int) (first int, release func(), err error) {
	var held []int
	release = func() {
		for _, socket := range held {
			_ = unix.Close(socket)
		}
	}
	for i := range n {
		wanted := 0 // any
		if i > 0 {
			wanted = first + i
		}
		socket, port, err := hold(wanted)
		if err != nil {
			release()
			return 0, nil, err
		}
		held = append(held, socket)
		first = port - i
	}
	return first, release, nil
}

// hold binds a socket to a port, 0 for any. SO_REUSEADDR comes after that: it
// lets others have the port too, which the socket itself must not.
func hold(port int) (socket, got int, err error) {
	socket, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	if err = unix.Bind(socket, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err == nil {
		err = unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	var name unix.Sockaddr
	if err == nil {
		name, err = unix.Getsockname(socket)
	}
	if err != nil {
		_ = unix.Close(socket)
		return 0, 0, err
	}
	return socket, name.(*unix.SockaddrInet4).Port, nil
}
