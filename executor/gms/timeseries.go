package gms

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// MaxTimeseries is how many values of a time series one call reads at most.
const MaxTimeseries = 1000

// TimeseriesQuery says which values of a time series are read.
type TimeseriesQuery struct {
	URN, EntityType, Aspect string
	Start, End              time.Time // zero is open
	Limit                   int       // 0 or too many is MaxTimeseries
}

// Timeseries reads values of an aspect that is kept as a time series, such as
// operation or datasetProfile, the newest first, each as JSON.
func (c *Client) Timeseries(ctx context.Context, q TimeseriesQuery) ([]json.RawMessage, error) {
	if q.Limit <= 0 || q.Limit > MaxTimeseries {
		q.Limit = MaxTimeseries
	}
	asked := map[string]any{"urn": q.URN, "entity": q.EntityType, "aspect": q.Aspect, "limit": q.Limit}
	if !q.Start.IsZero() {
		asked["startTimeMillis"] = q.Start.UnixMilli()
	}
	if !q.End.IsZero() {
		asked["endTimeMillis"] = q.End.UnixMilli()
	}
	op := "reading the series " + q.Aspect
	body, err := json.Marshal(asked)
	if err != nil {
		return nil, &Error{Kind: Rejected, Op: op, err: err}
	}
	var values []json.RawMessage
	_, err = c.do(ctx, call{
		op: op, method: http.MethodPost, path: "aspects",
		query: url.Values{"action": {"getTimeseriesAspectValues"}}, body: body, limit: maxRead,
		judge: func(a *answer) *Error {
			var ok bool
			if values, ok = seriesValues(a.body); !ok {
				return foreign("the answer is not a time series")
			}
			return nil
		},
	})
	return values, err
}

func seriesValues(body []byte) ([]json.RawMessage, bool) {
	var series struct {
		Value *struct {
			Values []struct {
				Aspect struct {
					Value string `json:"value"`
				} `json:"aspect"`
			} `json:"values"`
		} `json:"value"`
	}
	if json.Unmarshal(body, &series) != nil || series.Value == nil {
		return nil, false
	}
	var values []json.RawMessage
	for _, v := range series.Value.Values {
		if !json.Valid([]byte(v.Aspect.Value)) {
			return nil, false
		}
		values = append(values, json.RawMessage(v.Aspect.Value))
	}
	return values, true
}
