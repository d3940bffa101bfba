"""A real Prometheus that scrapes an agent, evaluates the rules and answers the dashboard's queries."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from tools.flash.layout import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
_API = "http://127.0.0.1:9090/api/v1"
_READY_S = 120.0
_GET = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=30).read().decode())"


class Prometheus:
    """With the configuration that is shipped; `get` returns what is at an address."""

    def __init__(self, get: Callable[[list[str]], str]) -> None:
        self._get = get

    def ask(self, path: str) -> Any:
        """Return the data of an answer of its API."""
        answer = json.loads(self._get(["python", "-c", _GET, f"{_API}{path}"]))
        if answer["status"] != "success":
            raise SystemExit(f"Prometheus: {path}: {answer}")
        return answer["data"]

    def values(self, query: str) -> list[dict[str, Any]]:
        """Return the series of a query."""
        found: list[dict[str, Any]] = self.ask(f"/query?query={quote(query)}")["result"]
        return found

    def await_rules(self) -> int:
        """Wait until it has scraped the agent and evaluated each rule; return how many there are."""
        end = time.monotonic() + _READY_S
        while time.monotonic() < end:
            rules = [rule for group in self._rules() for rule in group["rules"]]
            if rules and all(rule["health"] == "ok" for rule in rules) and self._is_up():
                return len(rules)
            time.sleep(1)
        raise SystemExit(f"Prometheus does not come to evaluate the rules: {self._rules()}")

    def _rules(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = self.ask("/rules")["groups"]
        except SystemExit:
            return []  # it does not listen yet
        return found

    def _is_up(self) -> bool:
        return [each["value"][1] for each in self.values('up{job="landbridge"}')] == ["1"]


def queries() -> list[str]:
    """Those of the dashboard."""
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "landbridge.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


@contextmanager
def running(
    folder: Path, beside: Callable[[list[str]], list[str]], get: Callable[[list[str]], str]
) -> Iterator[Prometheus | None]:
    """Prometheus while it lasts, in the network that `beside` gives commands; None: there is none here."""
    program = shutil.which("prometheus")
    if program is None:
        yield None
        return
    folder.mkdir()
    # Docker's own name server knows the agent by that name; it does not resolve here.
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text().replace("agent:", "127.0.0.1:")
    given = yaml.safe_load(text)
    given["rule_files"] = [str(DEPLOY / "prometheus" / name) for name in given["rule_files"]]
    given["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(given))
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        command = beside([program, *options, "--web.listen-address=127.0.0.1:9090"])
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield Prometheus(get)
    finally:
        process.terminate()
        process.wait()
