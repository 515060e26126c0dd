package pep508

import (
	"errors"
	"fmt"
	"strings"
)

// token is a variable, a quoted text, an operator or a parenthesis.
type token struct {
	text     string
	quote    byte // of a quoted text
	variable bool
}

func (t token) String() string {
	if t.quote != 0 {
		return string(t.quote) + t.text + string(t.quote)
	}
	return t.text
}

func (t token) value(env Environment, extra string) string {
	switch {
	case !t.variable:
		return t.text
	case t.text == "extra":
		return extra
	default:
		return env[t.text]
	}
}

var variables = func() map[string]bool {
	known := map[string]bool{"extra": true}
	for name := range Linux("", "") {
		known[name] = true
	}
	return known
}()

func lex(s string) ([]token, error) {
	if len(s) > maxLength {
		return nil, fmt.Errorf("more than %d bytes", maxLength)
	}
	var tokens []token
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '(' || c == ')':
			tokens = append(tokens, token{text: string(c)})
			i++
		case c == '"' || c == '\'':
			end := strings.IndexByte(s[i+1:], c)
			if end < 0 {
				return nil, errors.New("a quote is not closed")
			}
			tokens = append(tokens, token{text: s[i+1 : i+1+end], quote: c})
			i += end + 2
		case strings.IndexByte("<>=!~", c) >= 0:
			n := len(s[i:]) - len(strings.TrimLeft(s[i:], "<>=!~"))
			tokens = append(tokens, token{text: s[i : i+n]})
			i += n
		default:
			n := wordLength(s[i:])
			if n == 0 {
				return nil, fmt.Errorf("unexpected character %q", c)
			}
			word := s[i : i+n]
			tokens = append(tokens, token{text: word, variable: variables[word]})
			i += n
		}
	}
	return tokens, nil
}

func wordLength(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n] == '.' || 'a' <= s[n] && s[n] <= 'z' || 'A' <= s[n] && s[n] <= 'Z') {
		n++
	}
	return n
}

// parser reads or-expressions of and-expressions of comparisons.
type parser struct{ tokens []token }

func (p *parser) peek() string {
	if len(p.tokens) == 0 || p.tokens[0].quote != 0 {
		return ""
	}
	return p.tokens[0].text
}

func (p *parser) next() (token, error) {
	if len(p.tokens) == 0 {
		return token{}, errors.New("it ends too early")
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t, nil
}

func (p *parser) or(depth int) (node, error) {
	left, err := p.and(depth)
	for err == nil && p.peek() == "or" {
		p.tokens = p.tokens[1:]
		var right node
		right, err = p.and(depth)
		left = operation{left: left, right: right}
	}
	return left, err
}

func (p *parser) and(depth int) (node, error) {
	left, err := p.comparison(depth)
	for err == nil && p.peek() == "and" {
		p.tokens = p.tokens[1:]
		var right node
		right, err = p.comparison(depth)
		left = operation{and: true, left: left, right: right}
	}
	return left, err
}

func (p *parser) comparison(depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d parentheses inside each other", maxDepth)
	}
	if p.peek() == "(" {
		p.tokens = p.tokens[1:]
		inner, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		if closing, err := p.next(); err != nil || closing.text != ")" || closing.quote != 0 {
			return nil, errors.New("a parenthesis is not closed")
		}
		return inner, nil
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	right, err := p.operand()
	if err != nil {
		return nil, err
	}
	if !left.variable && !right.variable {
		return nil, fmt.Errorf("%v %s %v compares no variable", left, op, right)
	}
	return comparison{op: op, left: left, right: right}, nil
}

func (p *parser) operand() (token, error) {
	t, err := p.next()
	if err == nil && t.quote == 0 && !t.variable {
		return t, fmt.Errorf("%q is no marker variable", t.text)
	}
	return t, err
}

func (p *parser) operator() (string, error) {
	t, err := p.next()
	if err != nil {
		return "", err
	}
	if t.quote == 0 {
		switch t.text {
		case "==", "===", "!=", "<", "<=", ">", ">=", "~=", "in":
			return t.text, nil
		case "not":
			if p.peek() == "in" {
				p.tokens = p.tokens[1:]
				return "not in", nil
			}
		}
	}
	return "", fmt.Errorf("%v is no operator", t)
}
