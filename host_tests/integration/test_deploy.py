"""deploy/ without Docker: its files have the right form, agree with each other, and ask for what there is."""

import json
import re
import urllib.request
from typing import Any, Literal

import pytest
import yaml
from landbridge.cli import commands as command_line
from landbridge.operations.setup import answers
from pydantic import BaseModel, ConfigDict, Field
from typer.main import get_command

from tools.flash.layout import REPOSITORY
from tools.verify.harness.ports import free_port

DEPLOY = REPOSITORY / "deploy"
_METRIC = re.compile(r"\b(landbridge_[a-z_]+)\b")
_LABEL = re.compile(r'(landbridge_[a-z_]+)\{([a-z_]+)="([^"]*)"\}')


class Strict(BaseModel):
    """Of the Compose specification, the part that we use."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Build(Strict):
    context: str
    dockerfile: str


class Condition(Strict):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


class Check(Strict):
    test: list[str]
    interval: str = Field(pattern=r"^\d+[sm]$")
    retries: int


class Service(Strict):
    image: str = Field(pattern=r"^[a-z0-9/-]+(:v?[0-9.]+)?$")
    build: Build | None = None
    command: list[str] = []
    environment: dict[str, str] = {}
    volumes: list[str] = []
    ports: list[str] = []
    restart: Literal["always"] | None = None
    depends_on: dict[str, Condition] = {}
    healthcheck: Check | None = None


class Compose(Strict):
    name: str = Field(pattern="^[a-z][a-z0-9_-]*$")
    services: dict[str, Service]
    volumes: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def compose() -> Compose:
    return Compose.model_validate(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def test_what_was_never_run_is_said_first():
    for name in ("compose.yaml", "Dockerfile"):
        first = " ".join((DEPLOY / name).read_text().splitlines()[:2])
        assert "Never" in first and "no Docker" in first.replace("#", "").replace("  ", " "), name


def test_services_name_files_and_services_that_there_are(compose):
    for name, service in compose.services.items():
        assert service.depends_on.keys() <= compose.services.keys() - {name}
        for volume in service.volumes:
            source, target = volume.split(":")[:2]
            assert target.startswith("/")
            if source == "./answers.toml":
                source = "./answers.example.toml"  # which the first lines copy
            assert source in compose.volumes if source[0] != "." else (DEPLOY / source).exists(), volume
        for port in service.ports:
            *address, outside, inside = port.split(":")
            assert 0 < int(outside) < 65_536 and 0 < int(inside) < 65_536
            # Only trackers come from other machines.
            assert address == ["127.0.0.1"] or (name, outside) == ("broker", "8883")
        if service.healthcheck is None:
            waits = [each for each in compose.services.values() if name in each.depends_on]
            assert all(each.depends_on[name].condition != "service_healthy" for each in waits)


def test_the_commands_of_services_exist(compose):
    command: Any = get_command(command_line)
    for service in compose.services.values():
        if service.command[:1] != ["landbridge"]:
            continue
        words = service.command[1:]
        context = command.make_context("landbridge", [], resilient_parsing=True)
        found = command.get_command(context, words[0])
        known = {each for option in found.params for each in option.opts + option.secondary_opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_ports_and_names_agree(compose):
    given = answers.gathered(DEPLOY / "answers.example.toml", {}, {}, False)
    assert given.agent_host in compose.services and given.web_host == given.watch_host == "0.0.0.0"
    assert given.database == "postgresql://landbridge@database/landbridge" and "database" in compose.services
    assert compose.services["database"].environment["POSTGRES_USER"] == "landbridge"
    assert compose.services["agent"].ports == [f"127.0.0.1:{given.web_port}:{given.web_port}"]
    assert compose.services["broker"].ports == [f"{given.port}:{given.port}"]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"agent:{given.watch_port}"]}]
    assert f'up{{job="{job["job_name"]}"}}' in (DEPLOY / "prometheus" / "alerts.yml").read_text()
    mounted = {volume.split(":")[1] for volume in compose.services["grafana"].volumes}
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/landbridge.yml").read_text())
    assert provider["providers"][0]["options"]["path"] in mounted


def test_the_image_copies_what_there_is():
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    for line in re.findall(r"^COPY (.*)$", text, re.M):
        *sources, _ = line.split()
        for source in sources:
            assert (REPOSITORY / source).exists(), source
    copied = [source for line in re.findall(r"^COPY (.*)$", text, re.M) for source in line.split()[:-1]]
    sent = {
        line.removeprefix("!")
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    assert sent == set(copied)
    # Files of the package may be links to elsewhere in the repository.
    for link in (each for each in (REPOSITORY / "agent").rglob("*") if each.is_symlink()):
        target = link.resolve().relative_to(REPOSITORY.resolve())
        assert any(target.is_relative_to(source) for source in copied), link


def queries() -> list[str]:
    """Of the rules and of the dashboard."""
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "landbridge.json").read_text())
    found = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return found + [each["expr"] for panel in dashboard["panels"] for each in panel["targets"]]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory) -> str:
    """What a running agent says of itself."""
    from host_tests.support.agent import Installation, wait_until

    with pytest.MonkeyPatch.context() as environment:
        port = free_port()
        environment.setenv("LANDBRIDGE_WATCH_PORT", str(port))
        installation = Installation(tmp_path_factory.mktemp("watched"), environment)
        installation.start()

        def asked() -> str:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                    text: str = answer.read().decode()
                    return text
            except OSError:
                return ""

        text: str = wait_until(asked, "metrics")
        installation.close()
    return text


@pytest.mark.parametrize("query", queries())
def test_a_query_asks_for_what_the_agent_has(query, metrics):
    names = set(re.findall(r"^(landbridge_[a-z_]+)", metrics, re.M))
    names |= set(re.findall(r"^# TYPE (landbridge_[a-z_]+)", metrics, re.M))
    asked = set(_METRIC.findall(query))
    assert asked <= names and (asked or "up{" in query)
    assert query.count("(") == query.count(")") and query.count("{") == query.count("}")
    for name, label, value in _LABEL.findall(query):
        assert re.search(rf'^{name}\{{[^}}]*{label}="{value}"', metrics, re.M), (name, label, value)


def test_a_metric_that_there_is_not_is_found(metrics):
    with pytest.raises(AssertionError):
        test_a_query_asks_for_what_the_agent_has("rate(landbridge_pointz_total[5m])", metrics)
    with pytest.raises(AssertionError):
        test_a_query_asks_for_what_the_agent_has('landbridge_messages_total{outcome="odd"}', metrics)
