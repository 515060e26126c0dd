package observe

// compare judges a value, or its change since the previous check.
func compare(m Monitor, value float64, before state, name string) (Result, error) {
	if !m.Check.supported() {
		return Result{}, fail(BadParameters, "the operator %s does not compare numbers", m.Check.Operator)
	}
	r := Result{Value: &value, Native: map[string]string{name: number(value)}}
	m.Check.native(r.Native)
	if m.Change == NoChange {
		r.Verdict = judged(m.Check.holds(value))
		return r, nil
	}
	if before.Value == nil {
		r.Verdict = First
		return r, nil
	}
	change, err := m.Change.of(*before.Value, value)
	r.Native["Previous "+name] = number(*before.Value)
	if err != nil {
		return r, fail(BadParameters, "%v", err)
	}
	r.Native["Change"] = number(change)
	r.Verdict = judged(m.Check.holds(change))
	return r, nil
}
