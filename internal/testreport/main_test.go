package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReport(t *testing.T) {
	const events = `{"Action":"build-output","ImportPath":"x.example/broken","Output":"broken.go:1: no\n"}
{"Action":"run","Package":"x.example/a","Test":"TestGood"}
{"Action":"output","Package":"x.example/a","Test":"TestGood","Output":"noise\n"}
{"Action":"pass","Package":"x.example/a","Test":"TestGood","Elapsed":1.5}
{"Action":"output","Package":"x.example/a","Test":"TestBad","Output":"    a_test.go:3: wrong\n"}
{"Action":"fail","Package":"x.example/a","Test":"TestBad","Elapsed":2}
{"Action":"output","Package":"x.example/a","Test":"TestAbsent","Output":"    a_test.go:9: no runc\n"}
{"Action":"skip","Package":"x.example/a","Test":"TestAbsent","Elapsed":0}
{"Action":"output","Package":"x.example/ab","Test":"TestLong","Output":"goes on\n"}
{"Action":"output","Package":"x.example/a","Test":"TestHung","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"x.example/a","Elapsed":4}
{"Action":"pass","Package":"x.example/ab","Test":"TestLong","Elapsed":1}
{"Action":"pass","Package":"x.example/b","Elapsed":0.2}
go: a word of the go command
`
	const want = `broken.go:1: no
FAIL x.example/a TestBad (2.0 s)
    a_test.go:3: wrong
DID NOT END x.example/a TestHung
panic: test timed out
FAIL x.example/a (4.0 s)
ok   x.example/b (0.2 s)
go: a word of the go command

slowest tests:
     1.5 s  x.example/a TestGood
     1.0 s  x.example/ab TestLong
skipped x.example/a TestAbsent: at line 9: no runc
2 tests passed, 1 skipped, 2 failures
`
	var out strings.Builder
	r := &report{out: &out, output: map[string][]string{}}
	if err := r.read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	r.summary()
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}
