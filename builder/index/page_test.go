package index

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	jsonType = "application/vnd.pypi.simple.v1+json"
	hashA    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashB    = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func pageBase(t testing.TB) *url.URL {
	t.Helper()
	u, err := url.Parse("https://mirror.example/simple/acme/")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestParsePage(t *testing.T) {
	uploaded := time.Date(2026, 1, 2, 3, 4, 5, 678000000, time.UTC)
	file := func(name, address, sha string, change func(*File)) File {
		f := File{Name: name, URL: address, SHA256: sha, Size: -1}
		if change != nil {
			change(&f)
		}
		return f
	}
	tests := map[string]struct {
		kind, content string
		want          []File
	}{
		"html, every attribute": {
			"text/html; charset=utf-8",
			`<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1"></head><body>
			<a href="../../files/acme-2.0.tar.gz#sha256=` + strings.ToUpper(hashB) + `">acme-2.0.tar.gz</a>
			<a href="/files/acme-1.0-py3-none-any.whl#sha256=` + hashA + `" data-requires-python="&gt;=3.9,
			 &lt;4" data-yanked="broken &amp; bad" data-core-metadata="sha256=x" data-upload-time="2026-01-02T03:04:05.678Z">acme</a>`,
			[]File{
				file("acme-1.0-py3-none-any.whl", "https://mirror.example/files/acme-1.0-py3-none-any.whl", hashA, func(f *File) {
					f.RequiresPython, f.Yanked, f.YankedReason = ">=3.9,\n\t\t\t <4", true, "broken & bad"
					f.CoreMetadata, f.Uploaded = true, uploaded
				}),
				file("acme-2.0.tar.gz", "https://mirror.example/files/acme-2.0.tar.gz", hashB, nil),
			},
		},
		"html, yanked without reason, no metadata": {
			"application/vnd.pypi.simple.v1+html",
			`<A HREF='a-1.zip#sha256=` + hashA + `' data-yanked data-dist-info-metadata="false"/>`,
			[]File{file("a-1.zip", "https://mirror.example/simple/acme/a-1.zip", hashA, func(f *File) { f.Yanked = true })},
		},
		"html, base and userinfo and query": {
			"text/html",
			`<base href="https://user:s3cret@files.example/x/"><a href="a%2B1.whl?sig=1#sha256=` + hashA + `">`,
			[]File{file("a+1.whl", "https://files.example/x/a%2B1.whl?sig=1", hashA, nil)},
		},
		"html, links that are no use": {
			"text/html",
			`<a>none</a><a href="a.whl">no hash</a><a href="a.whl#md5=00">md5</a><a href="a.whl#sha256=12">short</a>
			<a href="ftp://mirror.example/a.whl#sha256=` + hashA + `">ftp</a><a href="javascript:1#sha256=` + hashA + `">script</a>
			<a href="..%2F..%2Fetc#sha256=` + hashA + `">climbs</a><a href="http://[::1#sha256=` + hashA + `">bad</a>
			<a href="b.whl#sha256=` + hashB + `">good</a>`,
			[]File{
				// The file name is the last part of the path and nothing more.
				file("b.whl", "https://mirror.example/simple/acme/b.whl", hashB, nil),
				file("etc", "https://mirror.example/simple/acme/..%2F..%2Fetc", hashA, nil),
			},
		},
		"html, no files": {"text/html", "<html></html>", []File{}},
		"json, every field": {
			jsonType,
			`{"meta":{"api-version":"1.1"},"name":"acme","versions":["1.0"],"files":[
			 {"filename":"b.whl","url":"../../f/b.whl","hashes":{"sha256":"` + hashB + `","md5":"x"},"yanked":true,"size":7},
			 {"filename":"a.whl","url":"https://files.example/a.whl","hashes":{"sha256":"` + hashA + `"},"requires-python":">=3.9",
			  "yanked":"bad","size":0,"upload-time":"2026-01-02T03:04:05.678Z","core-metadata":{"sha256":"x"}},
			 {"filename":"c.whl","url":"c.whl","hashes":{"sha256":"` + hashA + `"},"yanked":false,"requires-python":null,
			  "size":null,"upload-time":null,"core-metadata":false,"dist-info-metadata":true},
			 {"filename":"d.whl","url":"d.whl","hashes":{}}]}`,
			[]File{
				file("a.whl", "https://files.example/a.whl", hashA, func(f *File) {
					f.RequiresPython, f.Yanked, f.YankedReason = ">=3.9", true, "bad"
					f.Size, f.Uploaded, f.CoreMetadata = 0, uploaded, true
				}),
				file("b.whl", "https://mirror.example/f/b.whl", hashB, func(f *File) { f.Yanked, f.Size = true, 7 }),
				file("c.whl", "https://mirror.example/simple/acme/c.whl", hashA, func(f *File) { f.CoreMetadata = true }),
			},
		},
		"json, hostile names": {
			"application/json",
			`{"meta":{"api-version":"1.0"},"files":[
			 {"filename":"../../a.whl","url":"a.whl","hashes":{"sha256":"` + hashA + `"}},
			 {"filename":"..","url":"a.whl","hashes":{"sha256":"` + hashA + `"}},
			 {"filename":"a\nb","url":"a.whl","hashes":{"sha256":"` + hashA + `"}},
			 {"filename":"ok.whl","url":"file:///etc/passwd","hashes":{"sha256":"` + hashA + `"}},
			 {"filename":"ok.whl","url":"a.whl","hashes":{"sha256":"` + hashA + `"},"size":-5}]}`,
			[]File{file("ok.whl", "https://mirror.example/simple/acme/a.whl", hashA, nil)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parsePage(test.kind, []byte(test.content), pageBase(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParsePageRefuses(t *testing.T) {
	tests := map[string]struct{ kind, content string }{
		"no type":             {"", ""},
		"another type":        {"text/plain", ""},
		"html of version 2":   {"text/html", `<meta name="pypi:repository-version" content="2.0">`},
		"html without sha256": {"text/html", `<a href="a.whl#md5=1">a</a>`},
		"html, endless tag":   {"text/html", "<a href=\"" + strings.Repeat("x", maxTag) + "\">"},
		"json of version 2":   {jsonType, `{"meta":{"api-version":"2.0"},"files":[]}`},
		"json, no version":    {jsonType, `{"files":[]}`},
		"json, cut":           {jsonType, `{"meta":{"api-version":"1.0"},"files":[`},
		"json, a list":        {jsonType, `[]`},
		"json, yanked 7":      {jsonType, `{"meta":{"api-version":"1.0"},"files":[{"yanked":7}]}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, err := parsePage(test.kind, []byte(test.content), pageBase(t)); !errors.Is(err, errPage) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// FuzzParsePage: whatever a server sends, what comes out is safe to use as
// file name, hash and URL.
func FuzzParsePage(f *testing.F) {
	f.Add(true, `<base href="x"><a href="a.whl#sha256=`+hashA+`" data-yanked>a</a>`)
	f.Add(false, `{"meta":{"api-version":"1.0"},"files":[{"filename":"a","url":"a","hashes":{"sha256":"`+hashA+`"},"yanked":"x"}]}`)
	f.Fuzz(func(t *testing.T, html bool, content string) {
		kind := jsonType
		if html {
			kind = "text/html"
		}
		files, err := parsePage(kind, []byte(content), pageBase(t))
		if err != nil && !errors.Is(err, errPage) {
			t.Fatalf("untyped error: %v", err)
		}
		for _, file := range files {
			u, err := url.Parse(file.URL)
			if err != nil || u.User != nil || u.Fragment != "" || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
				t.Errorf("URL %q: %v", file.URL, err)
			}
			if len(file.SHA256) != 64 || strings.ToLower(file.SHA256) != file.SHA256 || strings.ContainsAny(file.Name, "/\\\x00\n") || file.Size < -1 {
				t.Errorf("%+v", file)
			}
		}
	})
}
