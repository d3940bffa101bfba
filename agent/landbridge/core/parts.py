"""What of the agent runs, and what it runs on: the options of `landbridge run`."""

from enum import StrEnum


class Part(StrEnum):
    """What of the agent runs, when it is not all of it."""

    INGEST = "ingest"
    WEB = "web"


class Source(StrEnum):
    """Where messages of devices come from."""

    MQTT = "mqtt"
    NATS = "nats"
