package fetch

import (
	"net/http"
	"strconv"
	"strings"
)

type spoiler = func(w http.ResponseWriter, r *http.Request, n int) bool

func first(n int, s spoiler) spoiler {
	return func(w http.ResponseWriter, r *http.Request, i int) bool { return i < n && s(w, r, i) }
}

func status(code int, header ...string) spoiler {
	return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		return true
	}
}

func body(contentType string, b []byte) spoiler {
	return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(b)
		return true
	}
}

func cut(n int) spoiler {
	return func(w http.ResponseWriter, r *http.Request, _ int) bool {
		offset := 0
		if v, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
			offset, _ = strconv.Atoi(strings.TrimSuffix(v, "-"))
			w.Header().Set("Content-Range", "bytes "+strconv.Itoa(offset)+"-"+strconv.Itoa(len(content)-1)+"/"+strconv.Itoa(len(content)))
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)-offset))
		if offset > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write(content[offset:min(offset+n, len(content))])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func chunked(b []byte) spoiler {
	return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(b)
		return true
	}
}

func rangeless(w http.ResponseWriter, _ *http.Request, _ int) bool {
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content)
	return true
}
