// Gmsd runs the stand-in for GMS as a program, for scripts that need a peer.
// What tests do with methods, scripts do below /gmstest; see gmstest.Control.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gmsd:", err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	listen, addressFile, journal, broker, topic string
	server                                      gmstest.Options
}

func parse(args []string) (settings, error) {
	var s settings
	var credentials string
	flags := flag.NewFlagSet("gmsd", flag.ContinueOnError)
	flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "address")
	flags.StringVar(&s.addressFile, "address-file", "", "file that gets the address once the server listens")
	flags.StringVar(&s.journal, "journal", "", "file that gets a line of JSON per exchange")
	flags.StringVar(&s.server.Wheel, "wheel", os.Getenv("LOCKFORGE_CLI_WHEEL"), "wheel of acryl-datahub with the schemas")
	flags.StringVar(&s.server.Base, "base", "", "path below which the API is, such as /gms")
	flags.StringVar(&credentials, "credentials", "", "accepted values of Authorization, separated by commas; none is any")
	flags.StringVar(&s.broker, "kafka", "", "address of a broker that gets the log of changes; needs a wheel")
	flags.StringVar(&s.topic, "topic", gmstest.ChangeLogTopic, "topic of the log of changes")
	if err := flags.Parse(args); err != nil {
		return settings{}, err
	}
	if credentials != "" {
		s.server.Credentials = strings.Split(credentials, ",")
	}
	if s.broker != "" && s.server.Wheel == "" {
		return settings{}, errors.New("-kafka needs a wheel for the schema of the log of changes")
	}
	return s, nil
}

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	s, err := parse(args)
	if err != nil {
		return err
	}
	if s.journal != "" {
		file, err := os.OpenFile(s.journal, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		s.server.Journal = file
	}
	server, err := open(s)
	if err != nil {
		return err
	}
	return serve(ctx, s, server.Control(), stdout)
}

// open makes the server, which tells its changes to Kafka if there is one.
func open(s settings) (*gmstest.Server, error) {
	if s.broker == "" {
		return gmstest.New(s.server)
	}
	log, err := kafkatest.OpenPublisher(s.broker, s.topic)
	if err != nil {
		return nil, err
	}
	s.server.OnChange = func(c gmstest.Change) {
		if err := log.Publish(c); err != nil {
			fmt.Fprintf(os.Stderr, "gmsd: telling the change of %s: %v\n", c.URN, err)
		}
	}
	server, err := gmstest.New(s.server)
	if err == nil {
		log.Use(server)
	}
	return server, err
}

func serve(ctx context.Context, s settings, handler http.Handler, stdout io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "listening on", listener.Addr())
	if s.addressFile != "" {
		if err := os.WriteFile(s.addressFile, []byte(listener.Addr().String()+"\n"), 0o600); err != nil {
			return err
		}
	}
	web := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = web.Close() })
	defer stop()
	if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
