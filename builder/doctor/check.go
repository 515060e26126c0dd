package doctor

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

func ok(name, format string, args ...any) Check {
	return Check{Name: name, Status: OK, Found: fmt.Sprintf(format, args...)}
}

func warn(name, fix, format string, args ...any) Check {
	return Check{Name: name, Status: Warn, Found: fmt.Sprintf(format, args...), Fix: fix}
}

func fail(name, fix, format string, args ...any) Check {
	return Check{Name: name, Status: Fail, Found: fmt.Sprintf(format, args...), Fix: fix}
}

// failed is a check that ended in an error, whose own hint comes before fix.
func failed(name, fix string, err error) Check {
	return fail(name, cmp.Or(strings.Join(fault.Hints(err), "; "), fix), "%s", oneLine(err.Error()))
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
