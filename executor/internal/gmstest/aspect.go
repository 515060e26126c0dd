package gmstest

import (
	"encoding/json"
	"fmt"
)

// checkAspect judges the value of an aspect: by its schema, or, without a
// wheel, by what the aspects of execution requests are known to be.
func (s *Server) checkAspect(entity, aspect, value string) error {
	if s.schemas == nil {
		return checkByHand(entity, aspect, value)
	}
	if !s.schemas.entities[entity][aspect] {
		return fmt.Errorf("entity %q has no aspect %q", entity, aspect)
	}
	if err := s.schemas.aspects[aspect].check([]byte(value)); err != nil {
		return fmt.Errorf("%s: %w", aspect, err)
	}
	return nil
}

// handmade are the aspects that are checked without a wheel.
var handmade = map[string]func() any{
	resultAspect: func() any {
		return &struct {
			Status           *string `json:"status"`
			Report           string  `json:"report"`
			StartTimeMS      int64   `json:"startTimeMs"`
			DurationMS       int64   `json:"durationMs"`
			StructuredReport *struct {
				Type            *string `json:"type"`
				SerializedValue *string `json:"serializedValue"`
				ContentType     *string `json:"contentType"`
			} `json:"structuredReport"`
		}{}
	},
	signalAspect: func() any {
		return &struct {
			Signal    *string         `json:"signal"`
			Executor  string          `json:"executorId"`
			CreatedAt json.RawMessage `json:"createdAt"`
		}{}
	},
	inputAspect: func() any {
		return &struct {
			Task        *string           `json:"task"`
			Args        map[string]string `json:"args"`
			Executor    string            `json:"executorId"`
			Source      json.RawMessage   `json:"source"`
			RequestedAt *int64            `json:"requestedAt"`
			Actor       string            `json:"actorUrn"`
			Attempts    int64             `json:"attempts"`
			Audit       json.RawMessage   `json:"cliVersionAudit"`
		}{}
	},
}

func checkByHand(entity, aspect, value string) error {
	shape, ok := handmade[aspect]
	if !ok {
		if !json.Valid([]byte(value)) {
			return fmt.Errorf("%s is not JSON", aspect)
		}
		return nil
	}
	if entity != requestType {
		return fmt.Errorf("entity %q has no aspect %q", entity, aspect)
	}
	into := shape()
	if err := strict([]byte(value), into); err != nil {
		return fmt.Errorf("%s: %w", aspect, err)
	}
	var required struct {
		Status *string `json:"status"`
	}
	_ = json.Unmarshal([]byte(value), &required) // strict read it
	if aspect == resultAspect && required.Status == nil {
		return fmt.Errorf("%s.status: required and missing", aspect)
	}
	return nil
}
