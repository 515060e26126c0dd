package metrics

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
)

const (
	// DefaultPushInterval and DefaultPushPath are upstream's.
	DefaultPushInterval = 30 * time.Second
	DefaultPushPath     = "/telemetry"
	// pushTimeout bounds one sending: metrics that are late are worth nothing.
	pushTimeout = 10 * time.Second
	// maxPushAnswer bounds what is read of an answer, in bytes; nothing in it matters.
	maxPushAnswer = 4 << 10
)

// Push says where metrics are sent to.
type Push struct {
	// Server is the URL of the server; its path does not matter.
	Server string
	// Path takes the place of it; "" is DefaultPushPath.
	Path     string
	Instance string
	Interval time.Duration // 0 is DefaultPushInterval
	// Header returns the value of the header Authorization; nil is none.
	Header func(context.Context) (string, error)
	HTTP   *http.Client
	Log    *slog.Logger // gets the first of a row of errors; nil is none
}

// url is upstream's: <scheme>://<host><path>/push/<instance>.
func (p Push) url() (string, error) {
	u, err := url.Parse(p.Server)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("sending metrics: the server's URL cannot be read")
	}
	path := p.Path
	if path == "" {
		path = DefaultPushPath
	}
	path = "/" + strings.Trim(path, "/")
	return u.Scheme + "://" + u.Host + path + "/push/" + url.PathEscape(p.Instance), nil
}

// Push sends the metrics every interval until ctx ends. It fails where the
// server's URL cannot be one; a sending that does not succeed is counted, and
// the next one comes.
func (m *Metrics) Push(ctx context.Context, p Push) error {
	address, err := p.url()
	if err != nil {
		return err
	}
	interval, log := p.Interval, p.Log
	if interval == 0 {
		interval = DefaultPushInterval
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	client := withoutRedirects(p.HTTP)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		start := m.now()
		err := m.push(ctx, client, address, p.Header)
		if ctx.Err() != nil {
			return nil
		}
		m.took(pushes, m.now().Sub(start))
		if err != nil {
			m.count(pushErrors)
			if !failing {
				log.Warn("sending metrics", "error", err)
			}
		}
		failing = err != nil
	}
}

// withoutRedirects keeps the credential from every other address.
func withoutRedirects(client *http.Client) *http.Client {
	own := http.Client{}
	if client != nil {
		own = *client
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

func (m *Metrics) push(ctx context.Context, client *http.Client, address string, header func(context.Context) (string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	body, err := m.compressed()
	if err != nil {
		return err
	}
	m.gauges[pushBytes].WithLabelValues().Set(float64(len(body)))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("Content-Type", "text/plain")
	if header != nil {
		value, err := header(ctx)
		if err != nil {
			return fmt.Errorf("getting the credential: %w", err)
		}
		if value != "" {
			request.Header.Set("Authorization", value)
		}
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// Read so that the connection is used again; what it says does not matter.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxPushAnswer))
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the server answered with status %d", response.StatusCode)
	}
	return nil
}

// compressed is the text form of all metrics, in gzip.
func (m *Metrics) compressed() ([]byte, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gathering metrics: %w", err)
	}
	var body bytes.Buffer
	compressor := gzip.NewWriter(&body)
	encoder := expfmt.NewEncoder(compressor, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return nil, fmt.Errorf("encoding metrics: %w", err)
		}
	}
	if err := compressor.Close(); err != nil {
		return nil, fmt.Errorf("compressing metrics: %w", err)
	}
	return body.Bytes(), nil
}
