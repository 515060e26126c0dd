package probe

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
)

// TestTheUserIsWorkedOutAsARuntimeDoes covers the forms of USER and what
// /etc/passwd and /etc/group say of it.
func TestTheUserIsWorkedOutAsARuntimeDoes(t *testing.T) {
	const passwd = "root:x:0:0::/:/x\ndatahub:x:1000:1001::/:/x\nbroken:x\nbad:x:y:z\n"
	const group = "root:x:0:\nadm:x:4:datahub,other\nstaff:x:50:\nbad:x\n"
	for _, tc := range []struct {
		user   string
		uid    int
		groups []int
		root   bool
	}{
		{user: "", root: true},
		{user: "root", root: true, groups: []int{0}},
		{user: "0", root: true, groups: []int{0}},
		{user: "nobody", root: true},
		{user: "bad", root: true},
		{user: "datahub", uid: 1000, groups: []int{4, 1001}},
		{user: "1000", uid: 1000, groups: []int{4, 1001}},
		{user: "1000:50", uid: 1000, groups: []int{50}},
		{user: "1000:staff", uid: 1000, groups: []int{50}},
		{user: "4242", uid: 4242, groups: []int{0}},
		{user: "4242:7", uid: 4242, groups: []int{7}},
	} {
		dir := t.TempDir()
		imagetest.Layout(t, dir, imagetest.Image{
			Layers: []imagetest.Layer{
				{Entries: []imagetest.Entry{imagetest.File("etc/passwd", "nobody:x:9:9:::\n"), imagetest.File("etc/group", group)}},
				{Entries: []imagetest.Entry{imagetest.File("etc/passwd", passwd)}}, // hides the first
			},
			Config: map[string]any{"User": tc.user},
		})
		img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Read(context.Background(), img.Platforms()[0])
		if err != nil {
			t.Fatal(err)
		}
		if s.user.root() != tc.root || s.user.uid != tc.uid {
			t.Errorf("%q is user %d, root %v", tc.user, s.user.uid, s.user.root())
		}
		want := map[int]bool{}
		for _, g := range tc.groups {
			want[g] = true
		}
		got := map[int]bool{}
		for g, in := range s.user.groups {
			if in {
				got[g] = true
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("groups of %q (-want +got):\n%s", tc.user, diff)
		}
	}
}
