// Command cmd runs a program inside an image with package ocirun:
//
//	go run ./internal/ocirun/cmd [-bind HOST:PATH] IMAGE ARG...
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/internal/ocirun"
)

func main() {
	bind := flag.String("bind", "", "HOST:PATH, a writable directory of the host")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: cmd [-bind HOST:PATH] IMAGE ARG...")
		os.Exit(2)
	}
	code, err := run(context.Background(), flag.Arg(0), flag.Args()[1:], *bind)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(ctx context.Context, ref string, args []string, bind string) (int, error) {
	parent, err := os.MkdirTemp("", "ocirun-rootfs-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(parent)
	rootfs := filepath.Join(parent, "rootfs")
	if err := ocirun.Unpack(ctx, ref, rootfs); err != nil {
		return 0, err
	}
	env, err := ocirun.Env(ctx, ref)
	if err != nil {
		return 0, err
	}
	spec := ocirun.Spec{
		Rootfs: rootfs, Args: args, Env: env, UID: 1000,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if host, path, ok := strings.Cut(bind, ":"); ok {
		spec.Binds = map[string]string{host: path}
	}
	return ocirun.Run(ctx, spec)
}
