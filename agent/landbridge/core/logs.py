"""The agent's log on standard error: lines for people, or JSON objects for machines."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from landbridge.core import printable


class _Text(logging.Formatter):
    """One line for each entry, followed by a traceback if there is one. Text from devices and integrations is
    made printable."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return one line, so that a message cannot forge the next entry."""
        return printable.line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """Return its printable lines."""
        return printable.text(super().formatException(ei))


class _Json(logging.Formatter):
    """One JSON object for each line."""

    def format(self, record: logging.LogRecord) -> str:
        """`time` is UTC, `logger` the module, `trace` a traceback if there is one."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def begin(as_json: bool) -> None:
    """Send the log to standard error from now on."""
    handler = logging.StreamHandler(sys.stderr)
    text = _Text("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(_Json() if as_json else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
