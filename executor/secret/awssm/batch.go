package awssm

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/lockforge/lockforge/executor/secret/remote"
)

// batches asks the service, without a memory.
type batches struct {
	client      *secretsmanager.Client
	credentials aws.CredentialsProvider
	prefix      string
	region      string
	timeout     time.Duration
}

func (b *batches) ID() string { return "aws-sm" }

func (b *batches) Values(ctx context.Context, names []string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	open := map[string]string{} // what the service is yet to answer: its name to ours
	var ids []string
	for _, name := range names {
		if id := b.prefix + name; remote.ValidName(name) && len(id) <= maxIDBytes && open[id] == "" {
			open[id] = name
			ids = append(ids, id)
		}
	}
	values := map[string]string{}
	if len(ids) == 0 {
		return values, nil
	}
	// Asked for first, to tell a missing identity from a service that fails.
	if _, err := b.credentials.Retrieve(ctx); err != nil {
		return values, noCredentials(ctx, err)
	}
	var problems []*remote.Error
	for batch := range slices.Chunk(ids, maxBatch) {
		more, err := b.ask(ctx, batch, open, values)
		problems = append(problems, more...)
		if err != nil { // the next batch would meet the same
			problems = append(problems, err)
			break
		}
	}
	return values, remote.Join(problems)
}

// ask puts one question and reads all pages of its answer. It returns what is
// wrong with single secrets, and what is wrong with the whole question.
func (b *batches) ask(ctx context.Context, ids []string, open, values map[string]string) ([]*remote.Error, *remote.Error) {
	var problems []*remote.Error
	input := &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids}
	for range maxPages {
		answer, err := b.client.BatchGetSecretValue(ctx, input)
		if err != nil {
			return problems, b.explain(ctx, err)
		}
		for _, entry := range answer.SecretValues {
			id := aws.ToString(entry.Name)
			name, asked := open[id]
			switch {
			case !asked:
			case entry.SecretString == nil:
				delete(open, id)
				problems = append(problems, binary(id))
			default:
				delete(open, id)
				values[name] = *entry.SecretString
			}
		}
		for _, e := range answer.Errors {
			id := aws.ToString(e.SecretId)
			if _, asked := open[id]; !asked {
				continue
			}
			delete(open, id)
			if code := aws.ToString(e.ErrorCode); code != "ResourceNotFoundException" {
				problems = append(problems, b.refusal(id, code, aws.ToString(e.Message)))
			}
		}
		if aws.ToString(answer.NextToken) == "" {
			return append(problems, unanswered(ids, open)...), nil
		}
		input = &secretsmanager.BatchGetSecretValueInput{SecretIdList: ids, NextToken: answer.NextToken}
	}
	return problems, &remote.Error{Kind: remote.Protocol, Reason: "the service splits its answer into too many pages"}
}

// unanswered says which of ids an answer leaves out. They may exist, so they
// must not pass for absent.
func unanswered(ids []string, open map[string]string) []*remote.Error {
	var problems []*remote.Error
	for _, id := range ids {
		if _, ok := open[id]; ok {
			problems = append(problems, &remote.Error{Kind: remote.Protocol, Names: []string{id}, Reason: "the service's answer leaves it out"})
		}
	}
	return problems
}

// bounded ends answers that are longer than any can be.
type bounded struct {
	client interface {
		Do(*http.Request) (*http.Response, error)
	}
}

func (b bounded) Do(request *http.Request) (*http.Response, error) {
	response, err := b.client.Do(request)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxAnswerBytes)
	}
	return response, err
}
