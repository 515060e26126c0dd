package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
)

func (a *app) attestCommand() *cobra.Command {
	var f signingFlags
	o := attest.Options{Patience: attest.SigningPatience}
	var statement, predicate, kind string
	cmd := &cobra.Command{
		Use:   "attest REF",
		Short: "Sign a statement about an image that is already built, and attach it",
		Long: `Sign a statement about an image in a registry, or in a layout (oci:DIR), and
attach it: what lockforge verify --summary or lockforge check --statement wrote,
or any predicate. The image is signed as well. A statement of the same signer, type
and subjects is replaced; what others signed stays.`,
		Example: `lockforge attest registry.example/team/executor:1 --key cosign.key --statement summary.json
lockforge attest oci:image --key cosign.key --predicate scan.json --type urn:acme:scan:v1`,
		Args: exactArgs("REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (statement == "") == (predicate == "") || (predicate == "") != (kind == "") {
				return fault.New(fault.Usage, "nothing to attest, or too much").
					Hint("give --statement, or --predicate with its --type")
			}
			signer, err := a.signer(cmd.Context(), f)
			if err != nil {
				return err
			}
			target, err := attest.Open(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			statements, err := readStatements(statement, predicate, kind, target.Digest())
			if err != nil {
				return err
			}
			if err := attest.Attach(cmd.Context(), target, signer, statements); err != nil {
				return err
			}
			result := struct {
				Reference  string `json:"reference"`
				Digest     string `json:"digest"`
				Statements int    `json:"statements"`
			}{args[0], target.Digest(), len(statements)}
			return a.print(result, func(w io.Writer) { fmt.Fprintln(w, result.Digest) })
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&statement, "statement", "", "file of in-toto statements about this image")
	flags.StringVar(&predicate, "predicate", "", "file with a predicate, as JSON")
	flags.StringVar(&kind, "type", "", "predicate type, a URI")
	flags.StringVar(&o.Name, "sign-container-identity", "", "what the signature calls an image in a layout (default \"image\")")
	flags.BoolVar(&o.Insecure, "allow-http-registry", false, "use plain HTTP")
	return cmd
}

// readStatements reads a file of statements, or makes one of a predicate.
func readStatements(statement, predicate, kind, digest string) ([]attest.Statement, error) {
	path := statement + predicate
	file, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "opening the statement")
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, attest.MaxRecordBytes+1))
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading %s", path)
	}
	if len(text) > attest.MaxRecordBytes {
		return nil, fault.New(fault.Usage, "reading %s: more than %d bytes", path, attest.MaxRecordBytes)
	}
	if statement != "" {
		return attest.ParseStatements(text)
	}
	if !json.Valid(text) {
		return nil, fault.New(fault.Usage, "reading %s: a predicate is one JSON value", path)
	}
	return []attest.Statement{{PredicateType: kind, Subjects: []attest.Subject{{Name: "image", Digest: digest}}, Predicate: text}}, nil
}

// writeStatements writes statements that nobody has signed yet, one per line.
func writeStatements(path string, statements []attest.Statement) error {
	var lines []byte
	for _, s := range statements {
		line, err := s.Marshal()
		if err != nil {
			return err
		}
		lines = append(append(lines, line...), '\n')
	}
	if err := os.WriteFile(path, lines, 0o644); err != nil {
		return fault.Wrap(fault.Usage, err, "writing %s", path)
	}
	return nil
}
