package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/defaults"
	"github.com/moby/buildkit/util/grpcerrors"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/lockforge/lockforge/builder/fault"
)

// Subcommand is the hidden subcommand of lockforge that calls Serve.
const Subcommand = "__engine"

// stopGrace is how long running steps get to end when the engine is stopped.
const stopGrace = 3 * time.Second

// Serve runs the engine until ctx ends. args are those that Start appends to
// its Self; the process must have been started by Start.
func Serve(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fault.New(fault.Usage, "%s is started by lockforge itself", Subcommand)
	}
	var c config
	if err := json.Unmarshal([]byte(args[0]), &c); err != nil {
		return fault.Wrap(fault.Usage, err, "reading the arguments of %s", Subcommand)
	}
	out := inherited(reportFD, "report")
	listener, err := net.FileListener(inherited(listenerFD, "listener"))
	if err != nil {
		return fault.Wrap(fault.Usage, err, "taking over the socket of %s", Subcommand)
	}
	d, err := open(ctx, c)
	if err != nil {
		full := fault.Is(err, fault.DiskFull)
		_ = sendReport(out, report{Error: err.Error(), Damaged: errors.Is(err, errDamaged) && !full, NoSpace: full})
		return fault.Wrap(fault.EngineDown, err, "starting the engine")
	}
	if err := sendReport(out, report{Ready: true}); err != nil {
		return errors.Join(fault.Wrap(fault.EngineDown, err, "reporting readiness"), d.close())
	}
	return errors.Join(serve(ctx, d, listener), d.close())
}

func serve(ctx context.Context, d *daemon, listener net.Listener) error {
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(grpcerrors.UnaryServerInterceptor),
		grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
		grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize))
	healthv1.RegisterHealthServer(server, health.NewServer())
	d.controller.Register(server)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		timer := time.AfterFunc(stopGrace, server.Stop)
		defer timer.Stop()
		server.GracefulStop()
	}()
	if err := server.Serve(listener); err != nil {
		return fault.Wrap(fault.EngineDown, err, "serving the engine's socket")
	}
	<-stopped
	return nil
}

// prepareProcess makes the process fit for its own process and mount
// namespaces: /proc must show the former, and temporary files stay in the state.
// BuildKit says of each file which mode it wants; a umask of the user's would
// keep build steps that run as somebody else out of their own root.
func prepareProcess(c config) error {
	unix.Umask(0)
	if os.Getpid() == 1 {
		if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return fmt.Errorf("mounting /proc: %w", err)
		}
	}
	tmp := filepath.Join(c.Root, "tmp")
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("removing old temporary files: %w", err)
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", tmp, err)
	}
	return os.Setenv("TMPDIR", tmp)
}
