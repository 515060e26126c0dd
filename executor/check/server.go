package check

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lockforge/lockforge/executor/bundle"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/ingestion"
)

const (
	// maxSkew is how far the clocks may be apart. Tokens of identity providers
	// are judged with about five minutes of grace, and a sweeper counts in hours.
	maxSkew = time.Minute
	// probeRun is a run that does not exist.
	probeRun = "lockforge-check"
	// noVersion is a version that no aspect has: a write on the condition that
	// it has it is refused.
	noVersion = "2147483647"
)

const fixReach = "look at DATAHUB_GMS_URL, at the way from this network to it, and at its certificate: LOCKFORGE_EXECUTOR_CA_FILES has the authorities that are trusted beside the system's"

// reason adds how to put it right to an error of the server's client.
func (f *Findings) reason(err error) {
	switch {
	case errors.Is(err, auth.ErrConfig):
		f.fail(Configuration, "", "%v", err)
	case gms.KindOf(err) == gms.Unauthorized || errors.Is(err, auth.ErrRefused):
		f.fail(Authentication, "make a new token, or set DATAHUB_AUTH_TYPE and its variables; the server must know who calls", "%v", err)
	case gms.KindOf(err) == gms.Forbidden:
		f.fail(Authentication, "give the owner of the token the privilege Manage Metadata Ingestion, and those to read and edit execution requests", "%v", err)
	default:
		f.fail(Environment, fixReach, "%v", err)
	}
}

// server reaches it, which needs no credential.
func (in Inputs) server(ctx context.Context) (f Findings) {
	config, err := in.Server.Config(ctx)
	if err != nil {
		f.reason(err)
		return f
	}
	f.note("%s, DataHub %s", in.Config.GMS.URL, config.Version)
	if config.RemoteExecutorBackend {
		f.warn(Environment,
			"create the pool's sources so that this executor can see them: by polling, or by the change log in Kafka",
			"the server manages pools of remote executors over channels that are not public: this executor cannot join such a pool")
	}
	in.versions(&f, config.DefaultCLIVersion)
	return f
}

// credential reads something that needs one.
func (in Inputs) credential(ctx context.Context) (f Findings) {
	if _, err := in.Server.Check(ctx); err != nil {
		f.reason(err)
		return f
	}
	if in.Config.Auth.Type == auth.TypeNone {
		f.note("the server asks for no credential")
	}
	if in.Renewed {
		in.renewal(&f)
	}
	return f
}

// renewal says how long runs without a sink of their own can write to the
// server.
func (in Inputs) renewal(f *Findings) {
	metadata, err := bundle.Metadata(in.Config.Venvs.Root)
	switch {
	case err != nil: // the image's check says it
	case ingestion.RenewsTokens(metadata.CLIVersion):
		f.note("the credential is renewed, for runs that write to this server too, within %s", ingestion.RenewEvery)
	default:
		f.warn(Environment, "build the image with a newer DataHub CLI, or let tokens live longer than runs take",
			"the credential is renewed, but a run that writes to this server has the one of its start: CLI %s does not take a new one", metadata.CLIVersion)
	}
}

// privilege finds out whether the server would take a result, without giving
// it one: it refuses callers before it looks at what they bring, so an aspect
// that cannot be stored gets as far as its contents only with the privilege.
// The result lacks its one required field, and is on the condition of a
// version that does not exist.
func (in Inputs) privilege(ctx context.Context) (f Findings) {
	p := gms.RunProposal(probeRun, gms.ResultAspect, []byte("{}"))
	p.Headers = map[string]string{gms.IfVersionMatch: noVersion}
	err := in.Server.Propose(ctx, p)
	switch kind := gms.KindOf(err); {
	case err == nil:
		f.warn(Environment, "", "the server took a result without a status for the run %s, which does not exist", probeRun)
	case kind == gms.Rejected:
		f.note("the server would take results")
	case kind == gms.Unauthorized || kind == gms.Forbidden:
		f.reason(err)
	default:
		// Some servers answer a proposal that they cannot read with 500.
		f.warn(Environment, "look at the first run: its result says whether results are taken", "whether the server takes results is not known: %v", err)
	}
	return f
}

// clock compares with the time in the server's answers.
func (in Inputs) clock(ctx context.Context) (f Findings) {
	before := in.Now()
	theirs, err := in.serverTime(ctx)
	if err != nil {
		f.warn(Environment, "", "the server's time is not known: %v", err)
		return f
	}
	after := in.Now()
	// The answer has whole seconds, and was made at some time in between.
	var skew time.Duration
	switch {
	case theirs.Add(time.Second).Before(before):
		skew = before.Sub(theirs.Add(time.Second))
	case theirs.After(after):
		skew = theirs.Sub(after)
	}
	if skew > maxSkew {
		f.fail(Environment, "set the clock of the host: NTP is off or out of reach", "the clocks of server and executor are %s apart", skew.Round(time.Second))
		return f
	}
	f.note("less than %s apart from the server's", maxSkew)
	return f
}

func (in Inputs) serverTime(ctx context.Context) (time.Time, error) {
	client := http.DefaultClient
	if in.HTTP != nil {
		client = in.HTTP
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, in.Config.GMS.URL+"/config", nil)
	if err != nil {
		return time.Time{}, err
	}
	response, err := client.Do(request)
	if err != nil {
		return time.Time{}, err
	}
	response.Body.Close()
	at, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}, fmt.Errorf("the answer has no date: %w", err)
	}
	return at, nil
}
