package cli

import (
	"strings"
	"testing"
)

func TestPresentable(t *testing.T) {
	tests := map[string]string{
		`plugins: [mysql, s3]`:                                        `plugins: [mysql, s3]`,
		`base: {image: "registry/name@sha256:abc"}`:                   `base: {image: "registry/name@sha256:abc"}`,
		"a:\tb\x1b[31m":                                               "a: b [31m",
		`url: https://u:secret@index.example/simple`:                  `url: https://********@index.example/simple`,
		`url: "https://secret@index.example", x: 1`:                   `url: "https://******@index.example", x: 1`,
		`url: http//u:secret@index.example`:                           `url: http//********@index.example`,
		`url: u:sec/ret@index.example`:                                `url: *********@index.example`,
		`url: https://u:sec@ret@index.example`:                        `url: https://*********@index.example`,
		`url: https://index.example/simple?token=secret`:              `url: https://index.example/simple?************`,
		`m: [https://u:secret@a.example, https://u:secret@b.example]`: `m: [https://********@a.example, https://********@b.example]`,
	}
	for line, want := range tests {
		got := presentable(line)
		if got != want {
			t.Errorf("presentable(%q) = %q, want %q", line, got, want)
		}
		if strings.Contains(got, "secret") {
			t.Errorf("%q shows a secret", got)
		}
	}
}
