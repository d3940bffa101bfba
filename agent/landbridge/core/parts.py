"""The parts of the agent and their sources: options of `landbridge run`."""

from enum import StrEnum


class Part(StrEnum):
    """A part of the agent that runs alone."""

    INGEST = "ingest"
    WEB = "web"


class Source(StrEnum):
    """Where uplinks come from."""

    MQTT = "mqtt"
    NATS = "nats"
