"""A source of events for DataHub Actions that reads them from standard input.

Each line is the id of a run, a tab and the run's input as JSON. It stands for
Kafka, whose client would cost the Python executor time and memory of its own.
"""

import sys

from datahub.metadata.schema_classes import GenericAspectClass
from datahub_actions.event.event_envelope import EventEnvelope
from datahub_actions.event.event_registry import (
    METADATA_CHANGE_LOG_EVENT_V1_TYPE,
    MetadataChangeLogEvent,
)
from datahub_actions.source.event_source import EventSource


class LineSource(EventSource):
    @classmethod
    def create(cls, config_dict, ctx):
        return cls()

    def events(self):
        print("reading events", flush=True)
        for line in sys.stdin:
            run, text = line.rstrip("\n").split("\t", 1)
            aspect = GenericAspectClass(value=text.encode(), contentType="application/json")
            event = MetadataChangeLogEvent(
                entityType="dataHubExecutionRequest",
                entityUrn="urn:li:dataHubExecutionRequest:" + run,
                changeType="UPSERT",
                aspectName="dataHubExecutionRequestInput",
                aspect=aspect,
            )
            yield EventEnvelope(METADATA_CHANGE_LOG_EVENT_V1_TYPE, event, {})

    def ack(self, event, processed=True):
        pass

    def close(self):
        pass
