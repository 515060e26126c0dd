package gmstest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say how a Server behaves; the zero value takes any credential and
// judges the structure of proposals only.
type Options struct {
	// Wheel is the path of a wheel of acryl-datahub, whose schemas every
	// aspect must fit. "" checks the aspects of execution requests by hand.
	Wheel string
	// Base is the path below which the API is, such as "/gms".
	Base string
	// Credentials are the accepted values of Authorization; none is any.
	Credentials []string
	// Authorize, where it is set, decides instead, as of the moment at which a
	// request is served: for tokens that end.
	Authorize func(header string) bool
	// Version is what the server says it is.
	Version string
	// CLIVersion is what it offers as the default.
	CLIVersion string
	Now        func() time.Time // nil is time.Now
	// Journal gets one line of JSON per exchange.
	Journal io.Writer
	// OnChange is told every change of an aspect, after it is stored and
	// before it is answered, in order.
	OnChange func(Change)
}

// Server is the stand-in, as an http.Handler. It is safe for concurrent use.
type Server struct {
	o       Options
	schemas *schemas // nil without a wheel

	mu         sync.Mutex
	entities   map[string]map[string][]version
	order      []string // urns by first write
	firstSeen  map[string]time.Time
	series     map[string][]json.RawMessage // by urn and aspect, the oldest first
	secrets    map[string]string
	guard      bool
	stale      time.Duration
	create     CreateMode
	generation Generation
	faults     []*fault
	exchanges  []Exchange
	problems   []string

	changes sync.Mutex // held over OnChange, so that changes are told in order
}

// New reads the schemas.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Version == "" {
		o.Version = "v1.7.0"
	}
	if o.CLIVersion == "" {
		o.CLIVersion = "1.7.0.17"
	}
	s := &Server{
		o: o, entities: map[string]map[string][]version{}, firstSeen: map[string]time.Time{},
		series: map[string][]json.RawMessage{}, secrets: map[string]string{},
	}
	if o.Wheel != "" {
		var err error
		if s.schemas, err = wheelSchemas(o.Wheel); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// route serves what the path below the base names.
func (s *Server) route(w http.ResponseWriter, r *http.Request, body []byte) {
	path, ok := strings.CutPrefix(r.URL.Path, s.o.Base)
	if !ok {
		http.Error(w, "<html><body>not here</body></html>", http.StatusNotFound)
		return
	}
	if path == "/config" {
		s.config(w)
		return
	}
	if !s.allowed(r) {
		fail(w, http.StatusUnauthorized, "Unauthorized.")
		return
	}
	switch {
	case path == "/aspects" && r.Method == http.MethodPost:
		s.action(w, r, body)
	case strings.HasPrefix(path, "/aspects/") && r.Method == http.MethodGet:
		s.restliAspect(w, r)
	case path == "/api/graphql" && r.Method == http.MethodPost:
		s.graphql(w, r, body)
	case strings.HasPrefix(path, "/openapi/v3/entity/") && !s.lacks(WithoutV3):
		s.openapi(w, r, strings.TrimPrefix(path, "/openapi/v3/entity/"), body)
	case strings.HasPrefix(path, "/schema-registry/api/"):
		s.registry(w, r, strings.TrimPrefix(path, "/schema-registry/api/"))
	default:
		fail(w, http.StatusNotFound, "no such address")
	}
}

func (s *Server) allowed(r *http.Request) bool {
	if s.o.Authorize != nil {
		return s.o.Authorize(r.Header.Get("Authorization"))
	}
	return len(s.o.Credentials) == 0 || slices.Contains(s.o.Credentials, r.Header.Get("Authorization"))
}

// action serves the actions of rest.li's collection of aspects.
func (s *Server) action(w http.ResponseWriter, r *http.Request, body []byte) {
	switch r.URL.Query().Get("action") {
	case "ingestProposal":
		var request struct {
			Proposal json.RawMessage `json:"proposal"`
			Async    string          `json:"async"`
		}
		if err := strict(body, &request); err != nil {
			s.refuse(w, &refusal{http.StatusBadRequest, err.Error()})
			return
		}
		s.ingest(w, []json.RawMessage{request.Proposal})
	case "ingestProposalBatch":
		var request struct {
			Proposals []json.RawMessage `json:"proposals"`
			Async     string            `json:"async"`
		}
		if err := strict(body, &request); err != nil {
			s.refuse(w, &refusal{http.StatusBadRequest, err.Error()})
			return
		}
		s.ingest(w, request.Proposals)
	case "getTimeseriesAspectValues":
		s.timeseries(w, body)
	default:
		restliFail(w, http.StatusBadRequest, "no such action")
	}
}

func (s *Server) config(w http.ResponseWriter) {
	reply(w, map[string]any{
		"noCode": "true", "models": map[string]any{}, "patchCapable": true, "statefulIngestionCapable": true,
		"supportsImpactAnalysis": true, "datasetUrnNameCasing": false, "retention": "true",
		"versions":         map[string]any{"acryldata/datahub": map[string]any{"version": s.o.Version, "commit": "0"}},
		"managedIngestion": map[string]any{"defaultCliVersion": s.o.CLIVersion, "enabled": true},
		"telemetry":        map[string]any{"enabledCli": false, "enabledIngestion": false},
		"datahub":          map[string]any{"serverType": "quickstart"},
	})
}

// reply answers with JSON and status 200.
func reply(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // the caller may have gone
}

// fail answers in the form of the newer API.
func fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "error": http.StatusText(status), "message": message})
}

// restliFail answers in the form of rest.li.
func restliFail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-RestLi-Error-Response", "true")
	w.Header().Set("X-RestLi-Protocol-Version", "2.0.0")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": status, "message": message,
		"exceptionClass": "com.linkedin.restli.server.RestLiServiceException",
		"stackTrace":     "com.linkedin.restli.server.RestLiServiceException [HTTP Status:" + http.StatusText(status) + "]",
	})
}
