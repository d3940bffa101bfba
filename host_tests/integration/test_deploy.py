"""deploy/ without Docker: its files have the right form, agree with each other, and ask for what there is."""

import json
import re
import urllib.request
from typing import Annotated, Any, Literal, NamedTuple

import pytest
import yaml
from landbridge.cli import commands as command_line
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations.queries import Integration
from landbridge.operations.setup import answers
from pydantic import BaseModel, ConfigDict, Field
from typer.main import get_command

from tools.flash.layout import REPOSITORY
from tools.verify.harness.ports import free_port
from tools.verify.image.dockerfile import steps

DEPLOY = REPOSITORY / "deploy"
_METRIC = re.compile(r"\b(landbridge_[a-z_]+)\b")
_LABEL = re.compile(r'(landbridge_[a-z_]+)\{([a-z_]+)="([^"]*)"\}')
_BY = re.compile(r"\bby \(([a-z_, ]+)\)")
_LEGEND = re.compile(r"\{\{([a-z_]+)\}\}")
_COMMAND = re.compile(r"`landbridge ([a-z -]+)`")


class Strict(BaseModel):
    """Of the Compose specification, the part that we use."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Build(Strict):
    context: str
    dockerfile: str


class Condition(Strict):
    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]


Seconds = Annotated[str, Field(pattern=r"^\d+s$")]


class Check(Strict):
    test: list[str]
    interval: Seconds
    start_interval: Seconds = "5s"
    start_period: Seconds = "0s"
    retries: int = 3


class Service(Strict):
    image: str = Field(pattern=r"^[a-z0-9/-]+(:v?[0-9.]+)?$")
    read_only: bool = False
    tmpfs: list[str] = []
    cap_drop: list[str] = []
    security_opt: list[str] = []
    build: Build | None = None
    command: list[str] = []
    environment: dict[str, str] = {}
    volumes: list[str] = []
    ports: list[str] = []
    restart: Literal["always"] | None = None
    depends_on: dict[str, Condition] = {}
    healthcheck: Check | None = None


class Compose(Strict):
    ours: Service = Field(alias="x-ours")
    name: str = Field(pattern="^[a-z][a-z0-9_-]*$")
    services: dict[str, Service]
    volumes: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def compose() -> Compose:
    return Compose.model_validate(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def test_a_missing_measurement_is_named_first():
    for name in ("compose.yaml", "Dockerfile"):
        first = " ".join(line.removeprefix("# ") for line in (DEPLOY / name).read_text().splitlines()[:3])
        assert "No Docker has ever" in first and "`make deploy-image`" in first, name


def test_services_run_with_no_more_rights_than_needed(compose):
    assert compose.ours.read_only and compose.ours.cap_drop == ["ALL"]
    assert compose.ours.security_opt == ["no-new-privileges:true"] and compose.ours.tmpfs == ["/tmp"]
    for service in compose.services.values():
        if service.image == compose.ours.image:
            assert (service.read_only, service.cap_drop, service.security_opt, service.tmpfs) == (
                (compose.ours.read_only, compose.ours.cap_drop, compose.ours.security_opt, compose.ours.tmpfs)
            )
    text = (DEPLOY / "Dockerfile").read_text()
    found = [step.rest for step in steps(text) if step.name == "USER"]
    assert found == ["10001:10001"]
    for line in re.findall(r"pip install (.*)", text):
        assert "--require-hashes" in line or "--no-deps" in line


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
        if service.healthcheck is None and service.image != compose.ours.image:
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
    (check,) = [
        step.rest for step in steps((DEPLOY / "Dockerfile").read_text()) if step.name == "HEALTHCHECK"
    ]
    assert f"127.0.0.1:{given.watch_port}/health" in check
    assert f"'127.0.0.1', {given.port}" in compose.services["broker"].healthcheck.test[-1]
    mounted = {volume.split(":")[1] for volume in compose.services["grafana"].volumes}
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/landbridge.yml").read_text())
    assert provider["providers"][0]["options"]["path"] in mounted


def test_the_docker_image_copies_existing_files_only():
    copied = [
        source
        for step in steps((DEPLOY / "Dockerfile").read_text())
        if step.name == "COPY"
        for source in step.rest.split()[:-1]
    ]
    assert [source for source in copied if not (REPOSITORY / source).exists()] == []
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


def rules() -> list[dict[str, Any]]:
    found = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    return [rule for group in found["groups"] for rule in group["rules"]]


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not():
    """promtool runs them: `make deploy-check`."""
    cases = yaml.safe_load((DEPLOY / "prometheus" / "alerts_test.yml").read_text())["tests"]
    tests = [each for case in cases for each in case.get("alert_rule_test", [])]
    said = {rule["alert"]: rule["annotations"] for rule in rules()}
    assert {each["alertname"] for each in tests if not each["exp_alerts"]} == set(said)
    fires = {each["alertname"]: each["exp_alerts"] for each in tests if each["exp_alerts"]}
    assert {name: alerts[0]["exp_annotations"] for name, alerts in fires.items()} == said
    quiet = {each["series"].partition("{")[0] for each in cases[0]["input_series"]}
    assert quiet == {
        name for rule in rules() for name in re.findall(r"\b(?:landbridge_[a-z_]+|up)\b", rule["expr"])
    }


def test_alerts_name_commands_that_there_are():
    command: Any = get_command(command_line)
    context = command.make_context("landbridge", [], resilient_parsing=True)
    for rule in rules():
        for named in _COMMAND.findall(rule["annotations"]["summary"]):
            found = command
            for word in named.split():
                found = found.get_command(context, word)
                assert found is not None, named


class Query(NamedTuple):
    """Of a rule or of the dashboard."""

    expr: str
    legend: str = ""


def queries() -> list[Query]:
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "landbridge.json").read_text())
    shown = [each for panel in dashboard["panels"] for each in panel["targets"]]
    return [
        *(Query(rule["expr"]) for rule in rules()),
        *(Query(each["expr"], each["legendFormat"]) for each in shown),
    ]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory) -> str:
    """What a running agent with an integration says of itself."""
    from host_tests.support.agent import NOW_S, Installation, wait_until

    with pytest.MonkeyPatch.context() as environment:
        port = free_port()
        environment.setenv("LANDBRIDGE_WATCH_PORT", str(port))
        installation = Installation(tmp_path_factory.mktemp("watched"), environment)
        with installation.database().writing() as connection:
            erp = Integration(0, "erp", "webhook", "http://erp.example", None, ("event",), None, 0)
            integrations.add(connection, erp, "bench", NOW_S)

        def asked() -> str:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
                    text: str = answer.read().decode()
                    return text
            except OSError:
                return ""

        try:
            # In a process of its own: in this one there may be figures of other tests.
            installation.spawn()
            text: str = wait_until(asked, "metrics")
        finally:
            installation.close()
    return text


@pytest.mark.parametrize("query", queries())
def test_a_dashboard_query_uses_metrics_and_labels_of_the_agent(query, metrics):
    series: dict[str, list[dict[str, str]]] = {}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", metrics, re.M):
        series.setdefault(name, []).append(dict(re.findall(r'([a-z_]+)="([^"]*)"', labels)))
    asked = set(_METRIC.findall(query.expr))
    assert asked <= series.keys() and (asked or "up{" in query.expr)
    assert query.expr.count("(") == query.expr.count(")") and query.expr.count("{") == query.expr.count("}")
    for name, label, value in _LABEL.findall(query.expr):
        assert value in {labels.get(label) for labels in series[name]}, (name, label, value)
    by = [label.strip() for labels in _BY.findall(query.expr) for label in labels.split(",")]
    for label in [*by, *_LEGEND.findall(query.legend)]:
        assert all(label in labels for name in asked for labels in series[name]), (asked, label)


@pytest.mark.parametrize(
    "query",
    [
        Query("rate(landbridge_pointz_total[5m])"),
        Query('landbridge_messages_total{outcome="odd"}'),
        Query("sum by (kind) (landbridge_messages_total)"),
        Query("landbridge_open_alarms", "{{kind}}"),
    ],
)
def test_a_query_for_an_unknown_metric_or_label_is_found(query, metrics):
    with pytest.raises(AssertionError):
        test_a_dashboard_query_uses_metrics_and_labels_of_the_agent(query, metrics)


def test_steps_of_a_dockerfile():
    text = '# x\nFROM a\n# y\nRUN b \\\n    # z\n    && c\nCMD ["d", "e"]\n'
    assert steps(text) == [("FROM", "a"), ("RUN", "b && c"), ("CMD", '["d", "e"]')]
    with pytest.raises(ValueError, match="ADD in the Dockerfile is not known"):
        steps("FROM a\nADD b c\n")
