// Package query asks a warehouse for one number. It has no drivers: the venv of
// a connector has them, and knows every way to log in. A small Python program
// in it builds the connector's own configuration from the source section of a
// recipe, opens a session that can only read where the database has that, and
// asks one statement.
//
//	runner := &query.Runner{Venvs: root, Resolver: resolver, Policy: policy, Environ: os.Environ()}
//	answer, err := runner.Number(ctx, query.Query{Source: "mysql", Config: config, Statement: "SELECT count(*) FROM t"})
//
// Secrets are put into the configuration here and go to the program through
// its standard input; errors come back masked.
package query
