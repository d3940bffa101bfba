"""The instructions of a Dockerfile, of the kinds that ours uses."""

import json
import re
from typing import NamedTuple

_KNOWN = ("FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "VOLUME", "HEALTHCHECK", "CMD")


class Step(NamedTuple):
    """One instruction."""

    name: str
    rest: str


def steps(text: str) -> list[Step]:
    """Return the instructions in order; `ValueError` for one that is not known here."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        name, _, rest = line.partition(" ")
        if name not in _KNOWN:
            raise ValueError(f"{name} in the Dockerfile is not known here: add it to {__name__}")
        found.append(Step(name, rest.strip()))
    return found


def words(rest: str) -> list[str]:
    """Return the command of a CMD, or of a HEALTHCHECK, which are lists here."""
    found: list[str] = json.loads(rest[rest.index("[") :])
    return found
