// Gmsd runs the stand-in for GMS as a program, for scripts that need a peer.
// What tests do with methods, scripts do below /gmstest; see gmstest.Control.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gmsd:", err)
		os.Exit(1)
	}
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	journal := flag.String("journal", "", "file that gets a line of JSON per exchange")
	wheel := flag.String("wheel", os.Getenv("LOCKFORGE_CLI_WHEEL"), "wheel of acryl-datahub with the schemas")
	base := flag.String("base", "", "path below which the API is, such as /gms")
	credentials := flag.String("credentials", "", "accepted values of Authorization, separated by commas; none is any")
	address := flag.String("address-file", "", "file that gets the address once the server listens")
	flag.Parse()

	o := gmstest.Options{Wheel: *wheel, Base: *base}
	if *credentials != "" {
		o.Credentials = strings.Split(*credentials, ",")
	}
	if *journal != "" {
		file, err := os.OpenFile(*journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		o.Journal = file
	}
	server, err := gmstest.New(o)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	if *address != "" {
		if err := os.WriteFile(*address, []byte(listener.Addr().String()+"\n"), 0o600); err != nil {
			return err
		}
	}
	fmt.Println("listening on", listener.Addr())
	web := &http.Server{Handler: server.Control(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = web.Close()
	}()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
