package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/lockforge/lockforge/builder/internal/stall"
)

func TestPassing(t *testing.T) {
	answer := func(status int, codes ...transport.ErrorCode) error {
		e := &transport.Error{StatusCode: status}
		for _, c := range codes {
			e.Errors = append(e.Errors, transport.Diagnostic{Code: c})
		}
		return fmt.Errorf("pushing: %w", e)
	}
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":           {nil, false},
		"busy":              {answer(http.StatusServiceUnavailable), true},
		"too many":          {answer(http.StatusTooManyRequests), true},
		"damaged":           {answer(http.StatusBadRequest, transport.DigestInvalidErrorCode), true},
		"forgotten":         {answer(http.StatusNotFound, transport.BlobUploadUnknownErrorCode), true},
		"refused":           {answer(http.StatusForbidden, transport.DeniedErrorCode), false},
		"not there":         {answer(http.StatusNotFound, transport.NameUnknownErrorCode), false},
		"invalid":           {answer(http.StatusBadRequest, transport.ManifestInvalidErrorCode), false},
		"stalled":           {fmt.Errorf("pushing: %w", stall.Err), true},
		"broken":            {&net.OpError{Op: "write", Err: syscall.EPIPE}, true},
		"reset":             {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, true},
		"ended":             {fmt.Errorf("pushing: %w", io.ErrUnexpectedEOF), true},
		"nobody there":      {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
		"called off":        {context.Canceled, false},
		"whatever else":     {errors.New("x"), false},
		"name not resolved": {&net.DNSError{IsNotFound: true}, false},
	} {
		if got := passing(tt.err); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
