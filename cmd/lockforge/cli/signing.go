package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
)

// passwordVariable is cosign's name for the variable that holds the password
// of a private key.
const passwordVariable = "COSIGN_PASSWORD"

// signingFlags are spelled as cosign spells them.
type signingFlags struct {
	key, identityToken, fulcio, rekor, timestamp string
}

func (f *signingFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.key, "key", "", "private key: a file (password in COSIGN_PASSWORD) or a KMS URI")
	flags.StringVar(&f.identityToken, "identity-token", "", "file with an OIDC token for keyless signing (default: the token in SIGSTORE_ID_TOKEN)")
	flags.StringVar(&f.fulcio, "fulcio-url", "", "certificate authority of keyless signing")
	flags.StringVar(&f.rekor, "rekor-url", "", "transparency log of keyless signing")
	flags.StringVar(&f.timestamp, "timestamp-server-url", "", "timestamp authority of keyless signing")
}

func (a *app) signer(ctx context.Context, f signingFlags) (*attest.Signer, error) {
	if f.key != "" && f.fulcio != "" {
		return nil, fault.New(fault.Usage, "--key and --fulcio-url contradict each other").Hint("sign with a key, or with an identity")
	}
	if f.key != "" {
		password, err := a.password(f.key)
		if err != nil {
			return nil, err
		}
		return attest.NewSigner(ctx, attest.SignerOptions{Key: f.key, Password: password})
	}
	if f.fulcio == "" {
		return nil, fault.New(fault.Usage, "nothing to sign with").
			Hint("give --key, or --fulcio-url with an identity token")
	}
	token, err := a.identityToken(f.identityToken)
	if err != nil {
		return nil, err
	}
	return attest.NewSigner(ctx, attest.SignerOptions{Keyless: &attest.Keyless{
		Fulcio: f.fulcio, Rekor: f.rekor, TSA: f.timestamp, Token: token,
	}})
}

// maxToken bounds an identity token, in bytes.
const maxToken = 64 << 10

func (a *app) identityToken(file string) (string, error) {
	if file == "" {
		return a.getenv("SIGSTORE_ID_TOKEN"), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", fault.Wrap(fault.Usage, err, "opening the identity token")
	}
	defer f.Close()
	token, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", fault.Wrap(fault.Usage, err, "reading the identity token")
	}
	if len(token) > maxToken {
		return "", fault.New(fault.Usage, "reading the identity token: more than %d bytes", maxToken)
	}
	return strings.TrimSpace(string(token)), nil
}

// password returns the password of a key file from the environment or, on a
// terminal, from the user. Keys in a KMS have none.
func (a *app) password(key string) ([]byte, error) {
	if strings.Contains(key, "://") {
		return nil, nil
	}
	for _, variable := range a.process.Env {
		if value, ok := strings.CutPrefix(variable, passwordVariable+"="); ok {
			return []byte(value), nil
		}
	}
	in, ok := a.process.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, fault.New(fault.Usage, "no password for key %s", key).Hint("set %s", passwordVariable)
	}
	fmt.Fprintf(a.process.Stderr, "password for %s: ", key)
	password, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(a.process.Stderr)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading the password")
	}
	return password, nil
}

func (a *app) keygenCommand() *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a cosign key pair, cosign.key and cosign.pub",
		Args:  exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			password, err := a.password(prefix + ".key")
			if err != nil {
				return err
			}
			private, public, err := attest.Keygen(prefix, password)
			if err != nil {
				return err
			}
			result := struct {
				Private string `json:"private"`
				Public  string `json:"public"`
			}{private, public}
			return a.print(result, func(w io.Writer) { fmt.Fprintf(w, "%s\n%s\n", private, public) })
		},
	}
	cmd.Flags().StringVar(&prefix, "output-key-prefix", "cosign", "name of the files, without .key and .pub")
	return cmd
}
