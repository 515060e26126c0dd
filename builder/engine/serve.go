package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/containerd/containerd/v2/core/mount"
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

const (
	// stopGrace is how long running steps get to end when the engine is stopped.
	stopGrace = 3 * time.Second
	// endWithin is how long all of it may take: nobody may be left to kill an
	// engine that hangs.
	endWithin = 8 * time.Second
)

// Serve runs the engine until its last user has gone or ctx ends. args are those
// that Start appends to its Self; the process must have been started by Start.
func Serve(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fault.New(fault.Usage, "%s is started by lockforge itself", Subcommand)
	}
	var c config
	if err := json.Unmarshal([]byte(args[0]), &c); err != nil {
		return fault.Wrap(fault.Usage, err, "reading the arguments of %s", Subcommand)
	}
	listener, err := inherited(engineFD, "socket")
	if err != nil {
		return err
	}
	users, err := inherited(leaseFD, "socket for leases")
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	l, err := openLeases(users, end)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(l) // a connection that is collected says that we have ended
	context.AfterFunc(ctx, l.refuse)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, c, listener, l) }()
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err = <-ended:
		return err
	case <-time.After(endWithin):
		return fault.New(fault.EngineDown, "ending the engine: it takes more than %s", endWithin)
	}
}

// run opens the engine, says to its users how that went, and serves them.
func run(ctx context.Context, c config, listener net.Listener, l *leases) error {
	pid := ownPID()
	d, err := open(ctx, c)
	if err == nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), d.close())
	}
	if err != nil {
		l.refuse() // whoever hears of this may start another engine when this one has ended
		full := fault.Is(err, fault.DiskFull)
		l.tell(report{Error: err.Error(), Damaged: errors.Is(err, errDamaged) && !full && ctx.Err() == nil, NoSpace: full})
		return fault.Wrap(fault.EngineDown, err, "starting the engine")
	}
	l.tell(report{Ready: true, Config: c, Content: d.content, PID: pid})
	return errors.Join(serve(ctx, d, listener), d.close(), removeSockets(filepath.Dir(c.Root)))
}

// ownPID is this process as the one that started it sees it, as long as /proc is
// still that one's.
func ownPID() int {
	pid, err := os.Readlink("/proc/self")
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(pid)
	return n
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
	// What looks at TMPDIR as soon as the program starts is told besides.
	return errors.Join(os.Setenv("TMPDIR", tmp), mount.SetTempMountLocation(tmp))
}
