"""Uses a server as DataHub's own Python executor and its CLI do, through the
classes of acryl-datahub, and prints what it saw as one JSON object."""

import json
import sys

from datahub.configuration.common import OperationalError
from datahub.emitter.mcp import MetadataChangeProposalWrapper as Proposal
from datahub.ingestion.graph.client import DataHubGraph, DatahubClientConfig
from datahub.metadata import schema_classes as models
from datahub.secret.datahub_secrets_client import DataHubSecretsClient

URN = "urn:li:dataHubExecutionRequest:py"
DATASET = "urn:li:dataset:(urn:li:dataPlatform:mysql,db.t,PROD)"

graph = DataHubGraph(DatahubClientConfig(server=sys.argv[1], token=sys.argv[2]))
graph.test_connection()


def result(status, **fields):
    return Proposal(
        entityType="dataHubExecutionRequest",
        entityKeyAspect=models.ExecutionRequestKeyClass(id="py"),
        aspect=models.ExecutionRequestResultClass(status=status, startTimeMs=1, **fields),
        systemMetadata=models.SystemMetadataClass(properties={"appSource": "reportingExecutor"}),
    )


def emit(proposal):
    graph.emit_mcp(proposal, async_flag=False)


seen = {}
emit(result("RUNNING"))
structured = models.StructuredExecutionReportClass(type="RUN_INGEST", serializedValue="{}", contentType="application/json")
emit(result("SUCCESS", report='ü ✅ 𝄞 "q" \\', structuredReport=structured))
try:
    emit(result("FAILURE"))
    seen["after the end"] = "taken"
except OperationalError as e:
    seen["after the end"] = e.info["status"]

read = graph.get_aspect(URN, models.ExecutionRequestResultClass)
seen["one aspect"] = [read.status, read.report]
seen["no aspect"] = graph.get_aspect(URN + "x", models.ExecutionRequestResultClass)
batch = graph.get_entities("dataHubExecutionRequest", [URN, URN + "x"], ["dataHubExecutionRequestResult"], with_system_metadata=True)
seen["batch"] = {urn: aspects["dataHubExecutionRequestResult"][1].version for urn, aspects in batch.items()}
seen["secrets"] = DataHubSecretsClient(graph).get_secret_values(["A", "B"])

# Choices between types, which have a form of their own on the wire.
emit(
    Proposal(
        entityUrn=DATASET,
        aspect=models.SchemaMetadataClass(
            schemaName="t",
            platform="urn:li:dataPlatform:mysql",
            version=0,
            hash="",
            platformSchema=models.MySqlDDLClass(tableSchema=""),
            fields=[
                models.SchemaFieldClass(
                    fieldPath="a",
                    type=models.SchemaFieldDataTypeClass(type=models.NumberTypeClass()),
                    nativeDataType="int",
                )
            ],
        ),
    )
)
seen["schema"] = type(graph.get_aspect(DATASET, models.SchemaMetadataClass).platformSchema).__name__
emit(
    Proposal(
        entityUrn="urn:li:mlModel:(urn:li:dataPlatform:x,m,PROD)",
        aspect=models.CostClass(costType="ORG_COST_TYPE", cost=models.CostCostClass(fieldDiscriminator="costCode", costCode="x")),
    )
)
for at in (1000, 2000):
    emit(Proposal(entityUrn=DATASET, aspect=models.DatasetProfileClass(timestampMillis=at, rowCount=at + 1)))
seen["series"] = [v.rowCount for v in graph.get_timeseries_values(DATASET, models.DatasetProfileClass, {"or": []}, 1)]
print(json.dumps(seen))
