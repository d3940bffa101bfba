"""The settings: one TOML file, each key documented here, environment variables on top.

`LANDBRIDGE_CONFIG` names the file (default ./landbridge.toml); `LANDBRIDGE_<SECTION>_<KEY>`
overrides one key. `annotated` prints it all, so the documentation cannot drift.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from landbridge.core import files
from landbridge.core.errors import UserError, is_one_line
from landbridge.protocol.settings import SETTINGS

FILE_VARIABLE = "LANDBRIDGE_CONFIG"
DEFAULT_FILE = "landbridge.toml"
_SECRET = "secret"
TOO_OPEN = 0o027
"""Bits of a mode by which others than the owner write a file, or others than his group read it."""


_PATH = "path"
_WANTED = "wanted"
_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9:_-]{1,63}(\.[A-Za-z0-9:_-]{1,63})*\.?", re.ASCII)
_LARGEST = 2**31 - 1
_Check = Callable[[Any], bool]


def _key(
    default: str | int | bool,
    doc: str,
    wanted: tuple[str, _Check] | None = None,
    secret: bool = False,
    path: bool = False,
) -> Any:
    """A key: what it means, what its value must be besides of the default's type."""
    metadata = {"doc": doc, _WANTED: wanted or _USUAL[type(default)], _SECRET: secret, _PATH: path}
    return field(default=default, metadata=metadata)


_USUAL: dict[type, tuple[str, _Check]] = {
    str: ("a text in quotes, on one line", is_one_line),
    int: (f"a number from 1 to {_LARGEST}", lambda value: 1 <= value <= _LARGEST),
    bool: ("true or false", lambda value: True),
}
_HOST = ("the name or address of a host", lambda value: bool(_NAME.fullmatch(value)))
_HOST_OR_NONE = (_HOST[0], lambda value: value == "" or _HOST[1](value))
_PORT = ("a port, 1 to 65535", lambda value: 1 <= value <= 65535)
_INTERVAL = SETTINGS["interval_s"]
_SECONDS = (
    f"a number from {_INTERVAL.lowest} to {_INTERVAL.highest}",
    lambda value: _INTERVAL.lowest <= value <= _INTERVAL.highest,
)
_PORT_OR_NONE = ("a port, 1 to 65535, or 0", lambda value: 0 <= value <= 65535)
_DAYS = ("a number from 0 to 36500", lambda value: 0 <= value <= 36500)
_PARTS = ("a number from 1 to 256", lambda value: 1 <= value <= 256)
_REPLICAS = ("a number from 1 to 5", lambda value: 1 <= value <= 5)
_FILE = ("the name of a file or folder", lambda value: is_one_line(value) and value != "")
_AT_TEXT = (
    "at most 64 characters of printable ASCII without quotes",
    lambda value: len(value) <= 64 and value.isascii() and (value + "x").isprintable() and '"' not in value,
)
_CLIENT_ID = ("1 to 64 characters on one line", lambda value: is_one_line(value) and 1 <= len(value) <= 64)


@dataclass(frozen=True)
class Broker:
    """The MQTT broker as this agent reaches it."""

    host: str = _key("localhost", "Host name; with TLS it must be the one in the certificate.", _HOST)
    port: int = _key(8883, "TCP port.", _PORT)
    tls: bool = _key(True, "Speak TLS and check the certificate.")
    ca_file: str = _key("", "PEM file of the broker's CA; empty: the system's CAs.", path=True)
    cert_file: str = _key(
        "", "PEM file of the agent's certificate, for a broker that asks for one; empty: none.", path=True
    )
    cert_key_file: str = _key("", "PEM file of its key; empty: it is in cert_file.", path=True)
    username: str = _key("", "User of the agent at the broker; empty: none.")
    password: str = _key("", "Its password.", secret=True)
    client_id: str = _key("landbridge-agent", "Fixed client id; one agent at a time may use it.", _CLIENT_ID)
    clean_session: bool = _key(
        False, "Have the broker keep nothing while the agent is away; devices then send it again."
    )
    home_assistant: str = _key(
        "",
        "Prefix under which Home Assistant looks for devices (there: homeassistant); empty: none.",
    )


@dataclass(frozen=True)
class Store:
    """Where everything is kept."""

    database: str = _key(
        "landbridge.sqlite3",
        "SQLite file, or postgresql://user@host/name (the password best in ~/.pgpass).",
        _FILE,
        path=True,
    )
    raw_days: int = _key(90, "Days for which uplinks are kept as they came, to be read again after a fix.")
    points_days: int = _key(
        0, "Days for which points, wakes and devices' logs are kept, from when they came; 0: for good.", _DAYS
    )
    key_file: str = _key(
        "", "File of the key that wraps the devices' keys; empty: beside the SQLite file, .key.", path=True
    )


@dataclass(frozen=True)
class Devices:
    """What `landbridge devices add` writes into a device's settings."""

    directory: str = _key(
        "devices", "Folder that gets one folder a device, to lay on its flash.", _FILE, path=True
    )
    broker_host: str = _key(
        "", "The broker as devices reach it; `landbridge devices add` needs it.", _HOST_OR_NONE
    )
    broker_port: int = _key(8883, "Its TCP port (TLS).", _PORT)
    ca_file: str = _key("", "PEM file, at most 4 KB, of the broker's CA; empty: broker.ca_file.", path=True)
    apn: str = _key("iot", "Access point name of the cards.")
    apn_user: str = _key("", "User of the access point; empty: it asks for none.", _AT_TEXT)
    apn_password: str = _key("", "Its password.", _AT_TEXT, secret=True)
    per_minute: int = _key(600, "Messages that are taken of one device in a minute; it keeps the others.")
    interval_s: int = _key(_INTERVAL.default, "Seconds between points until a trip says otherwise.", _SECONDS)


@dataclass(frozen=True)
class Web:
    """The pages and the HTTP API; behind a proxy with TLS when others than this machine shall reach them."""

    port: int = _key(0, "TCP port; 0: neither pages nor API.", _PORT_OR_NONE)
    host: str = _key("127.0.0.1", "Address they listen on.", _HOST)
    url: str = _key("", "Where browsers find them, for links and mails; empty: http://<host>:<port>.")


def base_url(web: Web) -> str:
    """Where browsers find the pages, without a slash at its end."""
    return web.url.rstrip("/") or local_url(web.host, web.port)


def local_url(host: str, port: int) -> str:
    """Where this machine finds what listens there."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@dataclass(frozen=True)
class Nats:
    """The NATS server with JetStream, for `landbridge run --source nats`; [broker] is then its MQTT port."""

    url: str = _key("nats://localhost:4222", "Address, of a cluster several with commas; tls://... for TLS.")
    username: str = _key("", "User of the agents; empty: none.")
    password: str = _key("", "Its password.", secret=True)
    partitions: int = _key(16, "Parts of the fleet that agents share out; the same for all of them.", _PARTS)
    replicas: int = _key(1, "Servers of a cluster that keep each message.", _REPLICAS)


@dataclass(frozen=True)
class Mail:
    """The mail server through which alarms go to integrations of the kind mail."""

    host: str = _key("localhost", "Host name; with TLS it must be the one in the certificate.", _HOST)
    port: int = _key(587, "TCP port.", _PORT)
    tls: bool = _key(True, "Go over to TLS (STARTTLS) and check the certificate.")
    username: str = _key("", "User of the agent there; empty: none.")
    password: str = _key("", "Its password.", secret=True)
    sender: str = _key("landbridge@localhost", "Address that the mails come from.")


@dataclass(frozen=True)
class Esim:
    """Downloads of eSIM profiles: from which SM-DP+ servers, and whose certificates are trusted."""

    servers: str = _key("", "Servers, with commas between: smdp.example, or smdp.example:8443; empty: none.")
    ci_file: str = _key("", "PEM file of the GSMA's root certificates; empty: no downloads.", path=True)
    test_ci_file: str = _key(
        "", "PEM file of a test root that is trusted too; for tests only; empty: none.", path=True
    )


@dataclass(frozen=True)
class Watch:
    """What watches the agent: /health and /metrics (Prometheus), and its log."""

    port: int = _key(0, "TCP port of /health and /metrics; 0: neither.", _PORT_OR_NONE)
    host: str = _key("127.0.0.1", "Address they listen on.", _HOST)
    json_log: bool = _key(False, "Log JSON objects, one a line, instead of text.")


@dataclass(frozen=True)
class Config:
    """All settings."""

    broker: Broker = field(default_factory=Broker)
    store: Store = field(default_factory=Store)
    devices: Devices = field(default_factory=Devices)
    web: Web = field(default_factory=Web)
    mail: Mail = field(default_factory=Mail)
    watch: Watch = field(default_factory=Watch)
    nats: Nats = field(default_factory=Nats)
    esim: Esim = field(default_factory=Esim)


def is_server(database: str) -> bool:
    """Whether [store] database names a PostgreSQL server, not a file."""
    return database.startswith("postgresql://")


def load() -> Config:
    """The settings to work with: relative paths lead from the folder of the configuration file."""
    folder = _file().absolute().parent
    config = written(must_exist=True)
    sections = {key.name: _from_folder(getattr(config, key.name), folder) for key in fields(config)}
    return Config(**sections)


def written(must_exist: bool) -> Config:
    """Read file and environment as they are; `UserError` names what is wrong and the remedy.

    Without `must_exist`, the default file may be missing: then all keys have their defaults.
    """
    path = _file()
    if path.exists() or must_exist or FILE_VARIABLE in os.environ:
        given = _read(path)
    else:
        given = {}
    _refuse_unknown(given, Config(), str(path))
    return Config(
        broker=_section(Broker, "broker", given, path),
        store=_section(Store, "store", given, path),
        devices=_section(Devices, "devices", given, path),
        web=_section(Web, "web", given, path),
        mail=_section(Mail, "mail", given, path),
        watch=_section(Watch, "watch", given, path),
        nats=_section(Nats, "nats", given, path),
        esim=_section(Esim, "esim", given, path),
    )


def _file() -> Path:
    return Path(os.environ.get(FILE_VARIABLE, DEFAULT_FILE))


def _from_folder(section: Any, folder: Path) -> Any:
    paths = [key.name for key in fields(section) if key.metadata[_PATH] and getattr(section, key.name)]
    given = {name: getattr(section, name) for name in paths}
    return replace(
        section, **{name: str(folder / path) for name, path in given.items() if not is_server(path)}
    )


def exposed() -> str | None:
    """What is wrong with the rights of the configuration file; None: nothing, or no secret is in it."""
    path = _file()
    if not path.exists() or not (mode := path.stat().st_mode & 0o777) & TOO_OPEN:
        return None
    given = _read(path)
    secrets = [
        f"[{section.name}] {key.name}"
        for section in fields(Config)
        for key in fields(getattr(Config(), section.name))
        if key.metadata[_SECRET] and given.get(section.name, {}).get(key.name)
    ]
    if "@" in (database := str(given.get("store", {}).get("database", ""))) and is_server(database):
        secrets += ["[store] database"] if ":" in database.split("://")[1].rpartition("@")[0] else []
    if not secrets:
        return None
    return (
        f"others may use {path}, its mode is {mode:o}, and {', '.join(secrets)} is in it: `chmod 600 {path}`"
    )


def annotated(config: Config) -> str:
    """`config` as a TOML file in which each key is explained; secrets are not shown."""
    lines = [
        "# Landbridge agent. Each key can be overridden by an environment variable",
        "# LANDBRIDGE_<SECTION>_<KEY>, for instance LANDBRIDGE_BROKER_PASSWORD.",
        "# Relative paths, in variables too, lead from the folder of this file.",
    ]
    for section in fields(config):
        part = getattr(config, section.name)
        lines += ["", f"# {part.__doc__}", f"[{section.name}]"]
        for key in fields(part):
            lines += [f"# {key.metadata['doc']}", _assignment(key, getattr(part, key.name))]
    return "\n".join(lines) + "\n"


def _assignment(key: Field[Any], value: str | int | bool) -> str:
    if key.metadata[_SECRET] and value:
        return f"# {key.name} is set, and not shown"
    # JSON's strings, integers and booleans are TOML's.
    return f"{key.name} = {json.dumps(value)}"


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UserError(
            f"no configuration {path}: write one with `landbridge config > {path}`"
            f" or name yours in {FILE_VARIABLE}"
        )
    return files.toml_of(files.text(path), str(path))


def _section(kind: type[Any], name: str, given: dict[str, Any], path: Path) -> Any:
    """Build section `name` from the file's table and the environment."""
    table = given.get(name, {})
    if not isinstance(table, dict):
        raise UserError(f"{path}: {name} must be a section [{name}]")
    _refuse_unknown(table, kind(), f"{path} [{name}]")
    values = {}
    for key in fields(kind):
        variable = f"LANDBRIDGE_{name}_{key.name}".upper()
        if variable in os.environ:
            values[key.name] = _from_text(os.environ[variable], key, variable)
        elif key.name in table:
            values[key.name] = _checked(table[key.name], key, f"{path} [{name}] {key.name}")
    return kind(**values)


def _refuse_unknown(table: Mapping[str, Any], known: Any, where: str) -> None:
    names = [key.name for key in fields(known)]
    for name in table:
        if name not in names:
            raise UserError(f"{where}: unknown key {name!r}; known are {', '.join(names)}")


def _from_text(text: str, key: Field[Any], variable: str) -> Any:
    if key.type is str:
        return _checked(text, key, variable)
    try:
        return _checked(json.loads(text.lower()), key, variable)
    except ValueError:
        raise UserError(f"{variable}={text!r} must be {key.metadata[_WANTED][0]}") from None


def _checked(value: Any, key: Field[Any], where: str) -> Any:
    wanted, is_good = key.metadata[_WANTED]
    if type(value) is not key.type or not is_good(value):
        raise UserError(f"{where} = {value!r} must be {wanted}")
    return value
