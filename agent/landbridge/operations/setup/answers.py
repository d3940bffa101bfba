"""Answers that the set-up needs: asked on the terminal, or taken from options or a file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from landbridge import config_file
from landbridge.config import Config, Mail
from landbridge.core import files
from landbridge.core.checked import SECRET, Between, Sentences, Wanted, checked, key, one_of, strict
from landbridge.core.errors import UserError

LAST = "answers.toml"
MOSQUITTO, NATS, EXISTING = "mosquitto", "nats", "existing"
_Host = Annotated[
    str, Wanted("the name or address of a host", pattern=r"^[A-Za-z0-9:_-]{1,63}(\.[A-Za-z0-9:_-]{1,63})*$")
]
_Port = Annotated[int, Between(1, 65535, "a port, 1 to 65535")]
_PortOrNone = Annotated[int, Between(0, 65535, "a port, 1 to 65535, or 0")]
_Text = Annotated[str, Wanted("a text", max_length=500)]
_Secret = Annotated[str, Wanted("a text", max_length=500), SECRET]


@strict
@dataclass(frozen=True)
class Answers:
    """The keys of the file for `landbridge setup --answers`."""

    host: _Host = key(..., "Host name under which trackers reach the broker.")
    broker: Annotated[str, one_of((MOSQUITTO, NATS, EXISTING))] = key(
        MOSQUITTO, "Broker: own mosquitto or nats, or existing."
    )
    port: _Port = key(8883, "TCP port of the broker for trackers.")
    agent_host: _Host = key("localhost", "Host name under which the agent reaches the broker.")
    agent_port: _PortOrNone = key(
        0, "TCP port for the agent; 0: 8884, with NATS 4222, with an existing broker 8883."
    )
    username: _Text = key("landbridge-agent", "User of the agent at the broker.")
    password: _Secret = key("", "Its password; empty: it is generated.")
    database: _Text = key("landbridge.sqlite3", "SQLite file, or postgresql://user@host/name.")
    web_host: _Host = key("127.0.0.1", "Address of pages and HTTP API.")
    web_port: _PortOrNone = key(8080, "TCP port of pages and HTTP API; 0: neither.")
    web_url: _Text = key("", "Public address of the pages.")
    watch_host: _Host = key("127.0.0.1", "Address of /metrics and /health.")
    watch_port: _PortOrNone = key(8081, "TCP port of /metrics and /health; 0: neither.")
    mail_host: _Text = key("", "Mail server; empty: none.")
    mail_port: _Port = key(587, "Its TCP port.")
    mail_username: _Text = key("", "User there.")
    mail_password: _Secret = key("", "Its password.")
    mail_sender: _Text = key("", "Sender address of mails.")
    apn: _Text = key("iot", "Access point name of the SIM cards.")
    admin: _Text = key("admin", "Name of the first administrator.")
    ca_file: _Text = key("", "PEM file of the broker's CA; empty: a private CA is created.")
    cert_file: _Text = key("", "PEM file of the broker's certificate; with ca_file.")
    key_file: _Text = key("", "PEM file of its key; with ca_file.")
    plugin: _Text = key("", "Path of Mosquitto's dynamic security plugin; empty: it is searched for.")


_OF_ITS_BROKER = ("agent_host", "agent_port", "username", "password", "plugin")
_CERTIFICATES = ("ca_file", "cert_file", "key_file")
_ASKED = ("host", "broker", "database", "mail_host", "admin")
_ASKED_OF_EXISTING = ("agent_host", "agent_port", "username", "password", "ca_file")


def gathered(
    file: Path | None, before: Mapping[str, Any], options: Mapping[str, Any], is_asking: bool
) -> Answers:
    """Return the answers: options before `file`, that before what was said `before`. What none of them has is
    asked. `UserError` names what is missing or wrong."""
    said = files.toml_of(files.text(file), str(file)) if file else {}
    said |= {name: value for name, value in options.items() if value is not None}
    given = _still_true(before, said) | said
    if is_asking:
        for name in _ASKED:
            _ask(given, name)
        for name in _ASKED_OF_EXISTING if given["broker"] == EXISTING else ():
            _ask(given, name)
    answers = checked(Answers, given, Sentences(missing="{at} is missing: --host mqtt.example.org"))
    if bool(answers.cert_file) != bool(answers.key_file) or (answers.cert_file and not answers.ca_file):
        raise UserError("cert_file, key_file and ca_file belong together: name all three, or none")
    if answers.broker == EXISTING and not answers.password:
        raise UserError("password is missing: that of the agent's user at the existing broker")
    usual = {MOSQUITTO: 8884, NATS: 4222, EXISTING: 8883}[answers.broker]
    paths = {name: getattr(answers, name) for name in (*_CERTIFICATES, "plugin")}
    whole: dict[str, Any] = {name: str(Path(path).absolute()) for name, path in paths.items() if path}
    return replace(answers, agent_port=answers.agent_port or usual, **whole)


def _still_true(before: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the earlier answers without those of a broker that another one replaces."""
    brokers = {before.get("broker", MOSQUITTO), said.get("broker", before.get("broker", MOSQUITTO))}
    if len(brokers) == 1:
        return dict(before)
    gone = (*_OF_ITS_BROKER, *(_CERTIFICATES if EXISTING in brokers else ()))
    return {name: value for name, value in before.items() if name not in gone}


def _ask(given: dict[str, Any], name: str) -> None:
    if name in given:
        return
    field = next(each for each in fields(Answers) if each.name == name)
    default = None if name == "host" else field.default
    given[name] = typer.prompt(
        field.metadata["description"].rstrip("."),
        default=default,
        hide_input=name == "password",
        show_default=default != "",
    )


def last(folder: Path) -> dict[str, Any]:
    """Return the answers of the last set-up there, but for the defaults; none if there was none."""
    file = folder / LAST
    return files.toml_of(files.text(file), str(file)) if file.exists() else {}


def said_before(folder: Path) -> dict[str, Any]:
    """Return the answers of the last set-up there, with what was edited in its configuration since; without
    answers, what a configuration says that was written by hand."""
    written, said = folder / config_file.DEFAULT_FILE, last(folder)
    if not written.exists():
        return said
    it = config_file.load_file_only(written)
    ca_file = config_file.from_folder(it, folder).broker.ca_file
    if not said:
        return {name: value for name, value in _in_force(it, {"broker": EXISTING}, ca_file).items() if value}
    usual = {each.name: each.default for each in fields(Answers)}
    now = _in_force(it, {"broker": MOSQUITTO} | said, ca_file)
    return said | {name: value for name, value in now.items() if value != said.get(name, usual[name])}


def _in_force(it: Config, said: Mapping[str, Any], ca_file: str) -> dict[str, Any]:
    """Return the answers that a configuration repeats as they were given."""
    values = {
        "broker": said["broker"], "host": it.devices.broker_host, "port": it.devices.broker_port,
        "agent_host": it.broker.host, "username": it.broker.username, "password": it.broker.password,
        "database": it.store.database, "apn": it.devices.apn, "web_host": it.web.host,
        "web_port": it.web.port, "web_url": it.web.url, "watch_host": it.watch.host,
        "watch_port": it.watch.port,
    }  # fmt: skip
    if said["broker"] != NATS:  # whose agent uses MQTT at the trackers' port
        values["agent_port"] = it.broker.port
    if said["broker"] == EXISTING:
        values["ca_file"] = ca_file
    mail, usual = it.mail, Mail()
    if said.get("mail_host") or mail.host != usual.host:
        values["mail_host"] = mail.host
    values |= {"mail_port": mail.port, "mail_username": mail.username}
    values |= {"mail_sender": "" if mail.sender == usual.sender else mail.sender}
    return values


def kept(answers: Answers) -> str:
    """Return the answers as a TOML file for the next set-up; secrets are in landbridge.toml only."""
    lines = ["# The answers of the last `landbridge setup`, used again unless others are given."]
    for each in fields(Answers):
        value = getattr(answers, each.name)
        if not each.name.endswith("password") and value != each.default:
            lines.append(f"{each.name} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def listed() -> str:
    """Return the keys with their defaults, as a TOML file."""
    lines = []
    for each in fields(Answers):
        value = "mqtt.example.org" if each.name == "host" else each.default
        lines += [f"# {each.metadata['description']}", f"{each.name} = {json.dumps(value)}"]
    return "\n".join(lines) + "\n"
