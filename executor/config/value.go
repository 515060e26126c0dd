package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// set gives the field the value that a variable, or a scalar of the file, has.
// No error shows the value of a secret.
func (s Setting) set(c *Config, text string) error {
	switch field := s.field(c).(type) {
	case *string:
		value, err := s.text(text)
		if err != nil {
			return err
		}
		*field = value
	case *Secret:
		if strings.ContainsAny(text, "\r\n\x00") {
			return errors.New("has a line break or a zero byte in it; is it the content of a file with an empty line?")
		}
		*field = NewSecret(text)
	case *[]string:
		values, err := parseList(text)
		if err != nil {
			return err
		}
		return s.setList(c, values)
	case *Properties:
		pairs, err := parsePairs(text)
		if err != nil {
			return err
		}
		*field = pairs
	case *bool:
		value, err := parseSwitch(text)
		if err != nil {
			return err
		}
		*field = value
	case *float64:
		value, err := strconv.ParseFloat(text, 64)
		if err != nil || !(value >= 0 && value <= 1) {
			return fmt.Errorf("%q is not a number from 0 to 1", text)
		}
		*field = value
	default:
		n, err := s.bounded(text)
		if err != nil {
			return err
		}
		s.setNumber(c, n)
	}
	return nil
}

// setNumber is for the forms that are whole numbers of something.
func (s Setting) setNumber(c *Config, n int64) {
	switch field := s.field(c).(type) {
	case *int:
		*field = int(n)
	case *time.Duration:
		*field = time.Duration(n)
	case *sandbox.Bytes:
		*field = sandbox.Bytes(n)
	}
}

// setList is set for a sequence of the file.
func (s Setting) setList(c *Config, values []string) error {
	for i, value := range values {
		if value == "" {
			return fmt.Errorf("part %d of the list is empty", i+1)
		}
		if slices.Contains(values[:i], value) {
			return fmt.Errorf("%q is in the list twice", value)
		}
		if err := s.choice(value); err != nil {
			return err
		}
	}
	*s.field(c).(*[]string) = values
	return nil
}

func (s Setting) text(text string) (string, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", errors.New("has a control character in it")
	}
	if s.Form == URL {
		return parseURL(text)
	}
	return text, s.choice(text)
}

func (s Setting) choice(text string) error {
	if s.Choices != nil && !slices.Contains(s.Choices, text) {
		return fmt.Errorf("%q is none of %s", text, strings.Join(s.Choices, ", "))
	}
	return nil
}

// bounded reads a whole number of something and compares it with the bounds.
func (s Setting) bounded(text string) (int64, error) {
	n, err := s.Form.number(text)
	if err != nil {
		return 0, err
	}
	// The bounds come from the table, whose tests read them.
	if least, err := s.Form.number(s.Least); err == nil && n < least {
		return 0, fmt.Errorf("%s is less than %s", text, s.Least)
	}
	if most, err := s.Form.number(s.Most); err == nil && n > most {
		return 0, fmt.Errorf("%s is more than %s", text, s.Most)
	}
	return n, nil
}

// number reads durations as nanoseconds and sizes as bytes.
func (f Form) number(text string) (int64, error) {
	switch f {
	case Seconds:
		return parseDuration(text, time.Second)
	case Milliseconds:
		return parseDuration(text, time.Millisecond)
	case Days:
		return parseDuration(text, 24*time.Hour)
	case Bytes:
		return parseBytes(text, 1)
	case Megabytes:
		return parseBytes(text, 1_000_000)
	case Size:
		size, err := sandbox.ParseBytes(text)
		return int64(size), err
	default:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("%q is not a whole number", text)
		}
		return n, nil
	}
}

// parseDuration reads a number of units, which may have a fraction, or a
// number with its own unit.
func parseDuration(text string, unit time.Duration) (int64, error) {
	if number, err := strconv.ParseFloat(text, 64); err == nil {
		if d := number * float64(unit); d >= 0 && d < math.MaxInt64 {
			return int64(d), nil
		}
	} else if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return int64(d), nil
	}
	return 0, fmt.Errorf("%q is no duration: want a number, or one with a unit such as 90s, 15m, 2h", text)
}

func parseBytes(text string, unit int64) (int64, error) {
	if number, err := strconv.ParseInt(text, 10, 64); err == nil {
		if number >= 0 && number <= math.MaxInt64/unit {
			return number * unit, nil
		}
		return 0, fmt.Errorf("%q is no size", text)
	}
	size, err := sandbox.ParseBytes(text)
	return int64(size), err
}

func parseSwitch(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0":
		return false, nil
	default:
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
}

// parseURL takes the slash at the end away, so that paths can be added.
func parseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil: // it shows the text, which may have a password in it
		return "", errors.New("is no URL")
	case u.User != nil:
		return "", errors.New("has credentials in it: give them in the variables for credentials, where they are not printed")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("%q begins with neither http:// nor https://", text)
	case u.Hostname() == "":
		return "", fmt.Errorf("%q has no host", text)
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("%s://%s has a query or a fragment after its path", u.Scheme, u.Host)
	}
	return strings.TrimRight(text, "/"), nil
}

// parseList reads texts with commas between them, or a JSON list, which begins
// with [" and whose parts can have commas in them.
func parseList(text string) ([]string, error) {
	if !jsonList.MatchString(text) {
		return split(text), nil
	}
	var values []string
	decoder := json.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(&values); err != nil || decoder.More() {
		return nil, fmt.Errorf("%.200q begins as a JSON list of texts and is none", text)
	}
	return values, nil
}

// jsonList is not how the address of a host begins, such as [::1]:9092.
var jsonList = lazyregexp.New(`^\[\s*"`)

// parsePairs reads "name=value,name=value" with percent-encoded values, as
// OpenTelemetry's variables have them.
func parsePairs(text string) (Properties, error) {
	pairs := Properties{}
	for i, pair := range split(text) {
		name, encoded, ok := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(encoded))
		if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
			return nil, fmt.Errorf("part %d is not name=value", i+1)
		}
		pairs[name] = value
	}
	return pairs, nil
}

// split takes white space around the parts away.
func split(text string) []string {
	parts := strings.Split(text, ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return parts
}
