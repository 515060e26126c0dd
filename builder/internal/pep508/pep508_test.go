package pep508_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/internal/pep508"
)

func TestParse(t *testing.T) {
	type want struct {
		Name, Specifier, URL, Marker string
		Extras                       []string
	}
	tests := []struct {
		in   string
		want want
	}{
		{"pip", want{Name: "pip"}},
		{"anyio<5.0.0,>=4.14.2", want{Name: "anyio", Specifier: "<5.0.0,>=4.14.2"}},
		{"PyYAML (<7.0.0)", want{Name: "PyYAML", Specifier: "<7.0.0"}},
		{"acme [CRM_x, b.c] == 2.1", want{Name: "acme", Specifier: "== 2.1", Extras: []string{"crm-x", "b-c"}}},
		{"acme[]", want{Name: "acme"}},
		{
			`ibm_db_sa<0.5.0,>=0.4.4; (platform_machine == "x86_64" or platform_system == "Darwin") and extra == "db2"`,
			want{Name: "ibm_db_sa", Specifier: "<0.5.0,>=0.4.4", Marker: `(platform_machine == "x86_64" or platform_system == "Darwin") and extra == "db2"`},
		},
		{"acme @ https://index.example/a;b.whl ; extra == 'x'", want{Name: "acme", URL: "https://index.example/a;b.whl", Marker: "extra == 'x'"}},
		{"acme@ file:///a.whl", want{Name: "acme", URL: "file:///a.whl"}},
	}
	for _, tt := range tests {
		r, err := pep508.Parse(tt.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.in, err)
			continue
		}
		got := want{Name: r.Name, Specifier: r.Specifier, URL: r.URL, Extras: r.Extras}
		if r.Marker != nil {
			got.Marker = r.Marker.String()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "-e .", "--hash=x", "./acme", "acme==", "acme=1", "acme[crm", "acme[,]", "acme[a b]", "acme 1.0", "acme (>=1", "acme @",
		"acme;", "acme; extra", `acme; extra ==`, `acme; extra = "x"`, `acme; "a" == "b"`, `acme; colour == "x"`, `acme; (extra == "x"`,
		`acme; extra == "x" or`, `acme; extra == "x" extra`, `acme; extra not "x"`, `acme; extra == "x`, `acme; extra == $`,
		"acme; " + strings.Repeat("(", 100) + `extra=="x"` + strings.Repeat(")", 100), "acme==" + strings.Repeat("1", 20<<10),
	} {
		if r, err := pep508.Parse(in); err == nil {
			t.Errorf("Parse(%.60q) = %+v, want an error", in, r)
		}
	}
}

func TestMarkerHolds(t *testing.T) {
	amd := pep508.Linux("x86_64", "3.13")
	arm := pep508.Linux("aarch64", "3.11")
	tests := []struct {
		marker   string
		env      pep508.Environment
		extra    string
		want     bool
		leftover string
	}{
		{`extra == "db2"`, amd, "db2", true, ""},
		{`extra == "DB_2"`, amd, "db-2", true, ""},
		{`extra != "db2"`, amd, "", true, ""},
		{`(platform_machine == "x86_64" or platform_system == "Darwin") and extra == "db2"`, arm, "db2", false,
			`platform_machine == "x86_64" or platform_system == "Darwin"`},
		{`(platform_machine == "x86_64" or platform_system == "Darwin") and extra == "db2"`, amd, "db2", true,
			`platform_machine == "x86_64" or platform_system == "Darwin"`},
		{`(platform_machine != "aarch64" and platform_machine != "arm64") and extra == "hana"`, arm, "hana", false,
			`platform_machine != "aarch64" and platform_machine != "arm64"`},
		{`(os_name == "nt" or os_name == "posix") and sys_platform == 'linux'`, amd, "", true,
			`(os_name == "nt" or os_name == "posix") and sys_platform == 'linux'`},
		{`python_version < "3.9"`, amd, "", false, `python_version < "3.9"`}, // as versions, not as text
		{`"3.9" < python_version`, amd, "", true, `"3.9" < python_version`},
		{`python_version in "3.11 3.13"`, amd, "", true, `python_version in "3.11 3.13"`},
		{`python_version not in "3.11"`, arm, "", false, `python_version not in "3.11"`},
		{`python_full_version >= "3.11.0"`, arm, "", true, `python_full_version >= "3.11.0"`},
		{`python_version == "3.*"`, arm, "", true, `python_version == "3.*"`},
		{`sys_platform == "win32" or sys_platform == "linux" and extra == "x"`, amd, "y", false,
			`sys_platform == "win32" or sys_platform == "linux"`},
		{`platform_release >= "5"`, amd, "", false, `platform_release >= "5"`},
		{`platform_machine ~= "x86_64"`, amd, "", false, `platform_machine ~= "x86_64"`},
	}
	for _, tt := range tests {
		m, err := pep508.ParseMarker(tt.marker)
		if err != nil {
			t.Errorf("ParseMarker(%q): %v", tt.marker, err)
			continue
		}
		if got := m.Holds(tt.env, tt.extra); got != tt.want {
			t.Errorf("%q with extra %q on %s = %v, want %v", tt.marker, tt.extra, tt.env["platform_machine"], got, tt.want)
		}
		if got := m.WithoutExtra(); got != tt.leftover {
			t.Errorf("%q without extra = %q, want %q", tt.marker, got, tt.leftover)
		}
	}
	if !(*pep508.Marker)(nil).Holds(amd, "") {
		t.Error("no marker must hold everywhere")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`acme[x]>=1,<2; (python_version < "3.14" or extra == 'a') and os_name not in "nt"`)
	f.Add("acme @ https://index.example/x ; extra == 'x'")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := pep508.Parse(s)
		if err != nil {
			return
		}
		r.Marker.Holds(pep508.Linux("x86_64", "3.13"), "x")
		if left := r.Marker.WithoutExtra(); left != "" {
			if _, err := pep508.ParseMarker(left); err != nil {
				t.Errorf("%q leaves the unreadable marker %q: %v", s, left, err)
			}
		}
	})
}
