package deps

import (
	_ "github.com/anchore/syft/syft"
	_ "github.com/anchore/syft/syft/format/spdxjson"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"
)
