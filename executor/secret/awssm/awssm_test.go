package awssm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/internal/awstest"
	"github.com/lockforge/lockforge/executor/internal/remotetest"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/secret/awssm"
	"github.com/lockforge/lockforge/executor/secret/remote"
)

var _ secret.Store = (*awssm.Store)(nil)

func TestValuesOverManyBatches(t *testing.T) {
	endpoint := awstest.URL(t)
	as(t, "test", "test")
	want := map[string]string{}
	var inputs []*secretsmanager.CreateSecretInput
	for i := range 45 {
		name := fmt.Sprintf("DB_%d", i)
		want[name] = fmt.Sprintf(" %s\n%d ", value, i)
		inputs = append(inputs, awstest.Text("prod/data+hub/"+name, want[name]))
	}
	awstest.Create(t, endpoint, append(inputs, awstest.Text("DB_OTHER", "without the prefix"), awstest.Text("prod/data+hub/EMPTY_JSON", "{}"))...)
	want["EMPTY_JSON"] = "{}"
	names := append(slices.Collect(maps.Keys(want)), "DB_OTHER", "ABSENT", "../data+hub/DB_1", "arn:aws:secretsmanager:x", "", "DB_1")
	got, err := open(t, awssm.Options{Endpoint: endpoint, Prefix: "prod/data+hub/"}).Values(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestRemembersValuesAndAbsence(t *testing.T) {
	endpoint := awstest.URL(t)
	as(t, "test", "test")
	client := awstest.Create(t, endpoint, awstest.Text("PW", "first"))
	now := time.Unix(0, 0)
	store := open(t, awssm.Options{Endpoint: endpoint, TTL: time.Minute, Now: func() time.Time { return now }})
	expect := func(step string, want map[string]string) {
		t.Helper()
		got, err := store.Values(t.Context(), []string{"PW", "LATER"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	expect("at first", map[string]string{"PW": "first"})
	awstest.Create(t, endpoint, awstest.Text("LATER", "new"))
	id, rotated := "PW", "second"
	if _, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &rotated}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(59 * time.Second)
	expect("within the time to live", map[string]string{"PW": "first"})
	now = now.Add(time.Second)
	expect("after it", map[string]string{"PW": "second", "LATER": "new"})
}

func TestSaysWhichSecretsGiveNoText(t *testing.T) {
	endpoint := awstest.URL(t)
	as(t, "test", "test")
	name := "BLOB"
	client := awstest.Create(t, endpoint, awstest.Text("GOOD", "fine"), awstest.Text("GONE", value), &secretsmanager.CreateSecretInput{Name: &name, SecretBinary: []byte(value)})
	gone := "GONE"
	if _, err := client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &gone}); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, awssm.Options{Endpoint: endpoint}).Values(t.Context(), []string{"BLOB", "GONE", "GOOD"})
	remotetest.Problem(t, err, remote.Unusable)
	for _, name := range []string{"BLOB", "GONE"} {
		if !strings.Contains(err.Error(), name+": ") {
			t.Errorf("the error does not name %s: %v", name, err)
		}
	}
	if diff := cmp.Diff(map[string]string{"GOOD": "fine"}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

var keyPair = regexp.MustCompile(`(?s)<AccessKeyId>([^<]+)</AccessKeyId>.*<SecretAccessKey>([^<]+)</SecretAccessKey>`)

// user makes a user that may do what a policy's statement says.
func user(t *testing.T, endpoint, name string, statement map[string]any) (id, key string) {
	t.Helper()
	policy, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statement})
	if err != nil {
		t.Fatal(err)
	}
	name = fmt.Sprintf("%s-%d", name, time.Now().UnixNano())
	iam(t, endpoint, "CreateUser", url.Values{"UserName": {name}})
	iam(t, endpoint, "PutUserPolicy", url.Values{"UserName": {name}, "PolicyName": {"p"}, "PolicyDocument": {string(policy)}})
	found := keyPair.FindStringSubmatch(iam(t, endpoint, "CreateAccessKey", url.Values{"UserName": {name}}))
	if found == nil {
		t.Fatal("no access key")
	}
	return found[1], found[2]
}

func TestNamesTheMissingPermission(t *testing.T) {
	endpoint := awstest.URL(t)
	as(t, "test", "test")
	awstest.Create(t, endpoint, awstest.Text("PW", value))
	id, key := user(t, endpoint, "lister", map[string]any{"Effect": "Allow", "Action": "secretsmanager:ListSecrets", "Resource": "*"})
	goodID, goodKey := user(t, endpoint, "reader", map[string]any{"Effect": "Allow", "Action": []string{"secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue"}, "Resource": "*"})
	authorize(t, endpoint)

	as(t, id, key)
	store := open(t, awssm.Options{Endpoint: endpoint})
	for name, err := range map[string]error{"values": second(store.Values(t.Context(), []string{"PW"})), "check": store.Check(t.Context())} {
		got := remotetest.Problem(t, err, remote.Denied)
		if !strings.Contains(got, "secretsmanager:BatchGetSecretValue") {
			t.Errorf("%s: the error does not name the permission: %s", name, got)
		}
	}

	as(t, goodID, goodKey)
	store = open(t, awssm.Options{Endpoint: endpoint})
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("check with the permission: %v", err)
	}
	got, err := store.Values(t.Context(), []string{"PW"})
	if err != nil || got["PW"] != value {
		t.Errorf("values with the permission: %d, %v", len(got), err)
	}

	as(t, goodID, "another key")
	// Moto answers this in XML, which says no more than the status; AWS has codes.
	remotetest.Problem(t, open(t, awssm.Options{Endpoint: endpoint}).Check(t.Context()), remote.Denied)
}

func second(_ map[string]string, err error) error { return err }

func TestWithoutCredentials(t *testing.T) {
	as(t, "", "")
	got := remotetest.Problem(t, open(t, awssm.Options{Endpoint: "http://127.0.0.1:1"}).Check(t.Context()), remote.Credentials)
	if !strings.Contains(got, "AWS_ACCESS_KEY_ID") {
		t.Errorf("no hint: %s", got)
	}
}

func TestOptions(t *testing.T) {
	as(t, "test", "test")
	for name, o := range map[string]awssm.Options{
		"no region":       {TTL: time.Second},
		"no time to live": {Region: awstest.Region},
		"a space within":  {Region: awstest.Region, TTL: time.Second, Prefix: "prod data"},
		"a long prefix":   {Region: awstest.Region, TTL: time.Second, Prefix: strings.Repeat("p", 512)},
	} {
		if _, err := awssm.New(t.Context(), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	t.Setenv("AWS_REGION", awstest.Region)
	store, err := awssm.New(t.Context(), awssm.Options{TTL: time.Second})
	if err != nil || store.ID() != "aws-sm" {
		t.Errorf("with the environment's region: %v", err)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	as(t, "test", "test")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t, awssm.Options{Endpoint: "http://127.0.0.1:1"}).Values(ctx, []string{"PW"})
	remotetest.Problem(t, err, remote.Unavailable)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}
