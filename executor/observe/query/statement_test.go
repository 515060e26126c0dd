package query_test

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/observe/query"
)

func TestCheckStatement(t *testing.T) {
	for _, ok := range []string{
		"SELECT 1",
		" select count(*) from t where a = 'it''s; -- no comment /* here */ #' ;\n",
		`SELECT "update", ` + "`delete`" + ` FROM "into"`,
		"WITH x AS (SELECT 1) SELECT * FROM x",
		"SELECT replace(a, 'x', 'y'), updated, a-1, b / c, '$' || '@' FROM t WHERE a::date > '2026-01-01' AND b % 2 = 1",
		"SELECT 'ä', ä FROM t",
		"(SELECT 1)",
	} {
		if err := query.CheckStatement(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{
		"", ";", "  ", "DELETE FROM t", "EXPLAIN SELECT 1", "SELECT 1; SELECT 2", "SELECT 1;;",
		"SELECT 1; DROP TABLE t", "SELECT 1 INTO OUTFILE '/tmp/x'", "SELECT * INTO t2 FROM t",
		"WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "with i as (insert into t values (1) returning 1) select 1",
		"SELECT * FROM t FOR UPDATE", "SELECT 1 /* */", "SELECT 1 -- x", "SELECT 1 # x", "SELECT /*! 1 INTO @x */ 1",
		"SELECT @a := 1", `SELECT 'a\'; DROP TABLE t; --'`, "SELECT $$;$$", "SELECT 'open", `SELECT "open`, "SELECT `open",
		"SELECT '\x00'", "SELECT \x00", "SELECT U&'\\0041'", "CALL p()", "SELECT 1 UNION CALL p()",
		"SELECT " + strings.Repeat("1+", 50_000) + "1",
	} {
		if err := query.CheckStatement(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// Whatever is accepted has one statement, whichever way a database reads quotes.
func FuzzCheckStatement(f *testing.F) {
	for _, s := range []string{"SELECT 'a''b'", "SELECT 1;", "SELECT \"a;b\"", "SELECT `a`", "WITH a AS (SELECT ';') SELECT 1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if query.CheckStatement(s) != nil {
			return
		}
		bare, in := strings.Builder{}, byte(0)
		for i := range len(s) {
			switch b := s[i]; {
			case in == 0 && strings.IndexByte("'\"`", b) >= 0:
				in = b
			case in == b:
				in = 0
			case in == 0:
				bare.WriteByte(b)
			}
		}
		outside := strings.TrimSuffix(strings.TrimSpace(bare.String()), ";")
		if in != 0 || strings.ContainsAny(outside, ";\\#$@\x00") || strings.Contains(outside, "--") || strings.Contains(outside, "/*") {
			t.Errorf("accepted %q", s)
		}
	})
}
