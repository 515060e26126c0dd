// Package wrongclock compiles Go programs that are wrong about the time. A
// static Go program asks no library that could be replaced, so the shift is
// compiled into it: an overlay of Go's package time shifts what time.Now says
// of the date. As when a kernel's clock is set, the monotonic clock goes on.
package wrongclock

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// ErrUnknownGo is the error for a release of Go that reads its clock in a way
// that is not known here.
var ErrUnknownGo = errors.New("this Go reads its clock in a way that is not known here")

// Variable names the file of a Hand in the environment of a program that was
// compiled with the overlay.
const Variable = "LOCKFORGE_CLOCK"

// read is where time.Now gets the time from.
const read = "sec, nsec, mono := runtimeNow()\n"

// source is the part of package time that knows the shift: what the linker set
// plus what the file says. A program that cannot read its file must not go on
// with the right time.
const source = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var lockforgeShift string // seconds, in decimal

var lockforgeHand = openHand()

func openHand() *int64 {
	path, ok := syscall.Getenv("` + Variable + `")
	if !ok {
		return nil
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("opening the wrong clock: " + err.Error())
	}
	defer syscall.Close(fd)
	page, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("mapping the wrong clock: " + err.Error())
	}
	return (*int64)(unsafe.Pointer(&page[0]))
}

func shiftSeconds() (n int64) {
	digits, sign := lockforgeShift, int64(1)
	if digits != "" && digits[0] == '-' {
		digits, sign = digits[1:], -1
	}
	for _, d := range []byte(digits) {
		n = n*10 + int64(d-'0')
	}
	n *= sign
	if lockforgeHand != nil {
		n += atomic.LoadInt64(lockforgeHand)
	}
	return n
}
`

// Overlay writes the overlay into dir, which it makes, and returns the argument
// by which `go build` takes it. All programs that are compiled with it share
// what is compiled, whatever their shifts.
func Overlay(ctx context.Context, dir string) (arg string, err error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("asking for Go's own source: %w", err)
	}
	goes := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	original, err := os.ReadFile(filepath.Join(goes, "time.go"))
	if err != nil {
		return "", fmt.Errorf("reading Go's own source: %w", err)
	}
	text := string(original)
	now := strings.Index(text, "\nfunc Now() Time {")
	if now < 0 || !strings.Contains(text[now:], read) {
		return "", ErrUnknownGo
	}
	text = text[:now] + strings.Replace(text[now:], read, read+"\tsec += shiftSeconds()\n", 1)
	files := map[string]string{"time.go": text, "lockforge.go": source}
	replace := map[string]string{}
	for name := range files {
		replace[filepath.Join(goes, name)] = filepath.Join(dir, name)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	files["overlay.json"] = string(overlay)
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	if err != nil {
		return "", fmt.Errorf("writing the overlay: %w", err)
	}
	return "-overlay=" + filepath.Join(dir, "overlay.json"), nil
}

// Linked is the linker's flag that shifts a program's clock for good, in whole
// seconds.
func Linked(by time.Duration) string {
	return fmt.Sprintf("-X time.lockforgeShift=%d", int64(by/time.Second))
}

// Hand moves the clocks of programs while they run: those that were started
// with its file in Variable. It is a file of 8 bytes.
type Hand struct{ path string }

// NewHand makes the file for a clock that is right.
func NewHand(path string) (Hand, error) {
	h := Hand{path}
	return h, os.WriteFile(path, make([]byte, 8), 0o644)
}

// Env is the variable for a program's environment.
func (h Hand) Env() string { return Variable + "=" + h.path }

// Set has the clocks be off by that much from now on, in whole seconds.
func (h Hand) Set(by time.Duration) error {
	f, err := os.OpenFile(h.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(binary.NativeEndian.AppendUint64(nil, uint64(by/time.Second)))
	return errors.Join(err, f.Close())
}
