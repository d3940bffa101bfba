"""Configuration of a Mosquitto or a NATS that is set up here, from the files in deploy/."""

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from landbridge.core import files
from landbridge.core.errors import UserError
from landbridge.features.devices.broker_users import GROUP
from landbridge.operations.setup import written
from landbridge.operations.setup.answers import Answers

PLUGIN = "mosquitto_dynamic_security.so"
_ROUNDS = 101
"""Rounds of the plugin's password hash, as it makes it itself; the passwords are random."""
_ALL = ("publishClientSend", "publishClientReceive", "subscribePattern")
_AGENT_TOPICS = ("landbridge/#", "homeassistant/#", "$CONTROL/dynamic-security/#")


def mosquitto(
    folder: Path, answers: Answers, password: str, tls: dict[str, Path], changed: list[Path]
) -> None:
    """Write its configuration, and once the file of its users, which is its own from then on."""
    here = folder / "mosquitto"
    for made in (here, here / "data"):
        made.mkdir(exist_ok=True, mode=0o700)
    users = users_file(folder)
    text = written.filled(
        "mosquitto.conf",
        {
            "# Mosquitto for Landbridge: copy to /etc/mosquitto/mosquitto.conf, with the files it names; then"
            " `landbridge broker check`.": f"# Written by `landbridge setup`.\nuser {written.owner(folder)}",
            "password_file /etc/mosquitto/landbridge.passwords": f"plugin {plugin(answers)}",
            "acl_file /etc/mosquitto/landbridge.acl": f"plugin_opt_config_file {users}",
            "listener 8883": f"listener {answers.port}",
            "listener 8884": f"listener {answers.agent_port}",
            "certfile /etc/mosquitto/certs/broker.pem": f"certfile {tls['certificate']}",
            "keyfile /etc/mosquitto/certs/broker.key": f"keyfile {tls['key']}",
            "cafile /etc/mosquitto/certs/agent.pem": f"cafile {tls['agent']}",
            "/var/lib/mosquitto/": f"{here / 'data'}/",
        },
    )
    if not users.exists():
        written.write(users, json.dumps(_users(answers.username, password), indent=1), 0o600, changed)
    written.write(here / "landbridge.conf", text, 0o600, changed)


def users_file(folder: Path) -> Path:
    """Return where Mosquitto's plugin keeps its users."""
    return folder / "mosquitto" / "dynamic-security.json"


def has_user(users: Path, name: str, password: str) -> bool:
    """Whether the plugin's file has this user with this password."""
    found = files.json_of(files.text(users), str(users))
    for each in found["clients"]:
        if each["username"] == name:
            hashed = _hashed(password, base64.b64decode(each["salt"]), each["iterations"])
            return bool(each["password"] == hashed)
    return False


def _hashed(password: str, salt: bytes, rounds: int) -> str:
    return base64.b64encode(hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)).decode()


def plugin(answers: Answers) -> Path:
    """Return Mosquitto's dynamic security plugin; `UserError` if it is not installed."""
    given = Path(answers.plugin)
    if answers.plugin and given.is_file():
        return given.absolute()
    if answers.plugin:
        raise UserError(f"plugin = {answers.plugin!r}: there is no such file; name {PLUGIN}, or leave it out")
    for place in ("/usr/lib", "/usr/local/lib", "/opt/homebrew/lib"):
        for found in sorted(Path(place).glob(f"**/{PLUGIN}")):
            return found
    raise UserError(
        f"Mosquitto's plugin {PLUGIN} is not on this machine: `apt install mosquitto`, or name it in plugin"
    )


def _users(agent: str, password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(12)
    acls = [
        {"acltype": kind, "topic": topic, "priority": 0, "allow": True}
        for topic in _AGENT_TOPICS
        for kind in _ALL
    ]
    return {
        "defaultACLAccess": {
            "publishClientSend": False,
            "publishClientReceive": True,
            "subscribe": False,
            "unsubscribe": True,
        },
        "clients": [
            {
                "username": agent,
                "password": _hashed(password, salt, _ROUNDS),
                "salt": base64.b64encode(salt).decode(),
                "iterations": _ROUNDS,
                "roles": [{"rolename": "agent", "priority": 0}],
            }
        ],
        "groups": [{"groupname": GROUP, "roles": []}],
        "roles": [{"rolename": "agent", "acls": acls}],
    }


def nats(
    folder: Path, answers: Answers, password: str, tls: dict[str, Path], issuer: str, changed: list[Path]
) -> None:
    """Write its configuration; it asks the agents about devices."""
    here = folder / "nats"
    file = here / "landbridge.conf"
    text = written.filled(
        "nats.conf",
        {
            "/var/lib/nats": str(here / "store"),
            "/etc/nats/broker.pem": str(tls["certificate"]),
            "/etc/nats/broker.key": str(tls["key"]),
            "port: 8883": f"port: {answers.port}",
            '"127.0.0.1:4222"': f'"127.0.0.1:{answers.agent_port}"',
            # The monitoring port is not used here, and may be taken.
            'http: "127.0.0.1:8222"\n': "",
            '"landbridge-agent"': json.dumps(answers.username),
            "$LANDBRIDGE_AGENT_PASSWORD": json.dumps(password),
            "$LANDBRIDGE_PLATFORM_PASSWORD": json.dumps(_platform_password(file)),
            "$LANDBRIDGE_ISSUER": json.dumps(issuer),
        },
    )
    written.write(file, text, 0o600, changed)


def _platform_password(file: Path) -> str:
    """Return the one that is in the file already, or a new one."""
    there = re.search(r'user: "platform", password: "([^"]+)"', file.read_text()) if file.exists() else None
    return there[1] if there else secrets.token_urlsafe(18)


def program(kind: str) -> str:
    """Return the path of the broker's program; `UserError` if it is not installed."""
    name = {"mosquitto": "mosquitto", "nats": "nats-server"}[kind]
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise UserError(f"{name} is not on this machine: `apt install {name}`")
    return found
