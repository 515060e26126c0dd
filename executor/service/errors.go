package service

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// What Open's errors are told apart by.
var (
	// ErrConfig: the configuration, or what it names, cannot be used.
	ErrConfig = errors.New("the executor cannot be set up")
	// ErrAuthentication: the server does not let the executor in.
	ErrAuthentication = errors.New("the server does not let the executor in")
)

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}
