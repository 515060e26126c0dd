package check

import (
	"context"
	"net/http"
	"time"

	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/contract"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
)

// Server is what is asked of DataHub's server; *gms.Client is one.
type Server interface {
	Config(ctx context.Context) (gms.ServerConfig, error)
	Check(ctx context.Context) (gms.ServerConfig, error)
	Propose(ctx context.Context, p gms.Proposal) error
}

// Source is what is asked of a queue.Source.
type Source interface {
	Name() string
	Check(ctx context.Context) error
}

// Inputs are what the checks look at. Where Err is set nothing else need be:
// with a wrong configuration there is no server to ask.
type Inputs struct {
	// What config.Load returned. Environ is what it was given.
	Config   *config.Config
	Warnings []config.Warning
	Err      error
	Environ  []string

	Server Server
	// HTTP reaches the server as Server does, for its clock; nil is a plain client.
	HTTP *http.Client
	// Renewed says that the executor's credential is renewed or rotated.
	Renewed bool
	// Sources may have Notes() []string about settings without effect.
	Sources []Source
	Stores  []secret.Store
	// Sandbox is what runs get; nil is none.
	Sandbox *sandbox.Policy
	// Program is a command that does nothing, to be started in the sandbox;
	// nil is this program's help.
	Program []string
	// BuildInfo is the file; "" is contract.BuildInfoPath.
	BuildInfo string
	// Root is the file system's root; "" is "/".
	Root string
	Now  func() time.Time // time.Now where nil
}

// Names of the checks, in their order.
const (
	NameConfiguration = "configuration"
	NameImage         = "image"
	NameRootFS        = "root file system"
	NamePolicy        = "recipe policy"
	NameSandbox       = "sandbox"
	NameState         = "state and logs"
	NamePort          = "metrics port"
	NameSecrets       = "secret stores"
	NameServer        = "server"
	NameCredential    = "authentication"
	NamePrivilege     = "privilege to report"
	NameClock         = "clock"
	NameSource        = "source " // and the name of the source
)

// List returns the checks for the inputs.
func List(in Inputs) []Check {
	if in.Now == nil {
		in.Now = time.Now
	}
	if in.BuildInfo == "" {
		in.BuildInfo = contract.BuildInfoPath
	}
	if in.Root == "" {
		in.Root = "/"
	}
	checks := []Check{{Name: NameConfiguration, Run: in.configuration}}
	if in.Err != nil || in.Config == nil {
		return checks
	}
	checks = append(checks,
		Check{Name: NameImage, Run: in.image},
		Check{Name: NameRootFS, Run: in.rootFS},
		Check{Name: NamePolicy, Run: in.policy},
		Check{Name: NameSandbox, Run: in.sandbox},
		Check{Name: NameState, Run: in.state},
		Check{Name: NamePort, Run: in.port},
		Check{Name: NameSecrets, Run: in.secrets},
		Check{Name: NameServer, Run: in.server},
		Check{Name: NameCredential, Needs: []string{NameServer}, Run: in.credential},
		Check{Name: NamePrivilege, Needs: []string{NameCredential}, Run: in.privilege},
		Check{Name: NameClock, Needs: []string{NameServer}, Run: in.clock},
	)
	for _, source := range in.Sources {
		checks = append(checks, Check{Name: NameSource + source.Name(), Run: findings(source)})
	}
	return checks
}
