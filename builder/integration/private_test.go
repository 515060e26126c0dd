package integration_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

// crmSource is a connector of one's own, which notes who it would call.
const crmSource = `
import atexit, sys
from typing import Iterable
from datahub.emitter.mcp import MetadataChangeProposalWrapper
from datahub.ingestion.api.common import PipelineContext
from datahub.ingestion.api.source import Source, SourceReport
from datahub.ingestion.api.workunit import MetadataWorkUnit
from datahub.metadata.schema_classes import StatusClass

tried = []
sys.addaudithook(lambda name, args: tried.append(name) if name == "socket.getaddrinfo" else None)


@atexit.register
def note():
    with open("/data/tried", "w") as f:
        f.write(repr(tried))


class CrmSource(Source):
    def __init__(self, config: dict, ctx: PipelineContext):
        super().__init__(ctx)
        self.table = config["table"]
        self.report = SourceReport()

    @classmethod
    def create(cls, config: dict, ctx: PipelineContext) -> "CrmSource":
        return cls(config, ctx)

    def get_workunits(self) -> Iterable[MetadataWorkUnit]:
        urn = f"urn:li:dataset:(urn:li:dataPlatform:acme,{self.table},PROD)"
        yield MetadataChangeProposalWrapper(entityUrn=urn, aspect=StatusClass(removed=False)).as_workunit()

    def get_report(self) -> SourceReport:
        return self.report
`

const crmRecipe = `
source: {type: acme-crm, config: {table: customers}}
sink: {type: file, config: {filename: /data/out.json}}
`

// TestPrivateConnector builds and runs a connector that no index has, from a
// wheel beside the manifest.
func TestPrivateConnector(t *testing.T) {
	require(t)
	wheel := string(wheeltest.New("acme-crm", "2.1").Requires("acryl-datahub").
		File("acme_crm/__init__.py", "").File("acme_crm/source.py", crmSource).
		EntryPoint("datahub.ingestion.source.plugins", "acme-crm", "acme_crm.source:CrmSource").Bytes(t))
	const file = "acme_crm-2.1-py3-none-any.whl"
	w := newWorkplace(t, sharedCache, map[string]string{file: wheel, "m.yaml": `version: 1
name: private
cli: {version: 1.7.0.17, slim: true}
plugins: [file]
custom:
  - {name: acme-crm, requirements: ["acryl-datahub[datahub-rest]", "acme-crm==2.1"], source: "acme_crm.source:CrmSource"}
wheels: [{path: ` + file + `, sha256: ` + strings.TrimPrefix(digestOf(wheel), "sha256:") + `}]
`})
	w.must(t, "lock", "m.yaml")
	w.must(t, "build", "m.yaml", "-o", "oci:image")
	c := open(t, "oci:"+w.path("image"))
	c.must(t, crmRecipe, executor, "run", "--plugin", "acme-crm", "--write", "/data")
	if out := readFile(t, filepath.Join(c.data, "out.json")); !strings.Contains(out, "dataPlatform:acme,customers") {
		t.Errorf("the connector wrote %s", out)
	}
	if tried := readFile(t, filepath.Join(c.data, "tried")); tried != "[]" {
		t.Errorf("the run looked up hosts: %s", tried)
	}

	w.write(t, file, wheel+"x")
	w.exits(t, 31, "lock", "m.yaml")
}
