// Command step does small things inside build steps, for tests:
//
//	step write PATH TEXT   makes a file with fixed mode and time
//	step copy FROM TO      the same, with the content of another file
//	step say TEXT          prints
//	step fail TEXT         prints and exits 3
//	step sleep             waits for a minute
//	step interfaces PATH   writes the names of the network interfaces
package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func run(args []string) error {
	switch args[0] {
	case "write":
		return write(args[1], []byte(args[2]))
	case "copy":
		b, err := os.ReadFile(args[1])
		if err != nil {
			return err
		}
		return write(args[2], b)
	case "say":
		fmt.Println(args[1])
		return nil
	case "fail":
		return fmt.Errorf("%s", args[1])
	case "sleep":
		time.Sleep(time.Minute)
		return nil
	case "interfaces":
		interfaces, err := net.Interfaces()
		if err != nil {
			return err
		}
		var names []string
		for _, i := range interfaces {
			names = append(names, i.Name)
		}
		return write(args[1], []byte(strings.Join(names, " ")))
	}
	return fmt.Errorf("unknown command %q", args[0])
}

func write(path string, content []byte) error {
	epoch := time.Unix(1_700_000_000, 0)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return err
	}
	for ; path != "/" && path != "."; path = filepath.Dir(path) {
		if err := os.Chtimes(path, epoch, epoch); err != nil {
			break // above the output mount
		}
	}
	return nil
}
