"""The steps of the set-up: certificates, configuration, broker, units, database, first administrator."""

import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from landbridge import config, config_file
from landbridge.config import Config
from landbridge.core.clock import Clock
from landbridge.db.database import open_database
from landbridge.db.keys import Keyring
from landbridge.db.opened import command_user
from landbridge.features.devices import queries as devices
from landbridge.features.downloads import queries as downloads
from landbridge.features.users import mail
from landbridge.features.users import people as users
from landbridge.features.users.queries import people, tokens
from landbridge.ingest import nats_access
from landbridge.operations.setup import brokers, certificates, checks, next_steps, written
from landbridge.operations.setup.answers import EXISTING, LAST, MOSQUITTO, NATS, Answers, kept, last


class Done(NamedTuple):
    """The result of the set-up."""

    changed: list[Path]
    """Files that were made or changed."""
    invitation: str | None
    """The link for the first administrator; None: there are users already."""
    next_steps: list[str]
    """The operator's next steps, one line each."""


def set_up(folder: Path, answers: Answers) -> Done:
    """Write everything that is not there yet; what is right stays as it is, keys always. `UserError` before
    anything is written."""
    file, changed = folder / config_file.DEFAULT_FILE, list[Path]()
    before = config_file.load_file_only(file)
    checks.check(folder, answers, before if file.exists() else None)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    tls = _certificates(folder, answers, changed)
    wanted = _configuration(_without_former(before, folder, answers), answers, tls, last(folder))
    # First: without it a repeat would take the configuration for one that was written by hand.
    written.write(folder / LAST, kept(answers), 0o600, changed)
    if not file.exists() or wanted != before:
        written.write(file, config_file.annotated(wanted, with_secrets=True), 0o600, changed)
    invitation, has_devices = _database(folder, wanted, answers)
    _broker(folder, wanted, answers, tls, changed)
    has_lost_broker = _units(folder, answers, changed)
    written.give(folder)
    lines = next_steps.after(folder, answers, before, changed, has_devices, has_lost_broker)
    return Done(changed, invitation, lines)


def _without_former(before: Config, folder: Path, answers: Answers) -> Config:
    """Return the configuration without what a Mosquitto of our own, that another broker replaces, was for."""
    if answers.broker == MOSQUITTO or before.broker.cert_file != str(folder / "tls" / "agent.pem"):
        return before
    return replace(
        before, broker=replace(before.broker, cert_file="", cert_key_file="", users="", password="")
    )


def _certificates(folder: Path, answers: Answers, changed: list[Path]) -> dict[str, Path]:
    """Return the files of CA, certificate, key, and of the agent's own certificate and key."""
    here = folder / "tls"
    if answers.broker == EXISTING:
        return {"ca": Path(answers.ca_file).absolute()} if answers.ca_file else {}
    names = [answers.host, answers.agent_host, "localhost", "127.0.0.1"]
    changed += certificates.make(here, names)
    found = {
        "ca": here / "ca.pem",
        "certificate": here / "broker.pem",
        "key": here / "broker.key",
        "agent": here / "agent.pem",
        "agent key": here / "agent.key",
    }
    if answers.cert_file:
        given = {"ca": answers.ca_file, "certificate": answers.cert_file, "key": answers.key_file}
        found |= {name: Path(path).absolute() for name, path in given.items()}
    return found


def _configuration(
    before: Config, answers: Answers, tls: Mapping[str, Path], former: Mapping[str, Any]
) -> Config:
    """Return the configuration in force with the answers in it; the rest stays. `former`: the last answers,
    to know what was edited since."""
    broker: dict[str, Any] = {
        "host": answers.agent_host,
        "port": answers.port if answers.broker == NATS else answers.agent_port,
        "tls": before.broker.tls or answers.broker != EXISTING,  # one of our own speaks nothing else
        "ca_file": str(tls.get("ca", "")),
        "username": answers.username,
        "password": answers.password or before.broker.password or secrets.token_urlsafe(24),
    }
    if answers.broker == MOSQUITTO:
        broker |= {"cert_file": str(tls["agent"]), "cert_key_file": str(tls["agent key"])}
        broker |= {"users": config.MOSQUITTO}
    store: dict[str, Any] = {"database": answers.database}
    if config.is_server(answers.database):
        store["key_file"] = before.store.key_file or "landbridge.key"
    nats: dict[str, Any] = {}
    if answers.broker == NATS:
        is_edited = former.get("broker") == NATS and before.nats.url != _nats_url(former)
        is_asked = former.get("agent_port") != answers.agent_port
        url = before.nats.url if is_edited and not is_asked else _nats_url(asdict(answers))
        nats = {"url": url, "username": answers.username, "password": broker["password"]}
    mail: dict[str, Any] = {}
    if answers.mail_host:
        mail = {"host": answers.mail_host, "port": answers.mail_port, "username": answers.mail_username}
        mail |= {"password": answers.mail_password} if answers.mail_password else {}
        mail |= {"sender": answers.mail_sender} if answers.mail_sender else {}
    return replace(
        before,
        broker=replace(before.broker, **broker),
        store=replace(before.store, **store),
        devices=replace(before.devices, broker_host=answers.host, broker_port=answers.port, apn=answers.apn),
        web=replace(before.web, host=answers.web_host, port=answers.web_port, url=answers.web_url),
        watch=replace(before.watch, host=answers.watch_host, port=answers.watch_port),
        mail=replace(before.mail, **mail),
        nats=replace(before.nats, **nats),
    )


def _nats_url(answers: Mapping[str, Any]) -> str:
    return f"nats://{answers.get('agent_host', 'localhost')}:{answers.get('agent_port')}"


def _database(folder: Path, wanted: Config, answers: Answers) -> tuple[str | None, bool]:
    """Make database and key file; add the administrator if there is no user yet. Return their link,
    and whether there are devices."""
    store = config_file.from_folder(wanted, folder).store
    database = open_database(store.database)
    try:
        keyring, clock = Keyring(store.database, store.key_file), Clock()
        with database.writing() as connection:
            are_none = devices.are_none(connection)
            keyring.signing_key(first=are_none)
            downloads.manager(connection, keyring, clock.now_s())
            if tokens.every(connection) or people.every(connection):
                return None, not are_none
            key = users.add(connection, answers.admin, "admin", None, "", command_user(), clock.now_s())
            return mail.link(wanted, key), not are_none
    finally:
        database.close()


def _broker(
    folder: Path, wanted: Config, answers: Answers, tls: dict[str, Path], changed: list[Path]
) -> None:
    if answers.broker == MOSQUITTO:
        brokers.mosquitto(folder, answers, wanted.broker.password, tls, changed)
    if answers.broker == NATS:
        store = config_file.from_folder(wanted, folder).store
        issuer = nats_access.issuer(Keyring(store.database, store.key_file).signing_key())
        brokers.nats(folder, answers, wanted.broker.password, tls, issuer, changed)


def _units(folder: Path, answers: Answers, changed: list[Path]) -> bool:
    """Write systemd units for the owner of the folder; return whether that of a broker of our own is gone."""
    user, own = written.owner(folder), written.word(str(folder))
    program = Path(sys.executable).parent / "landbridge"
    run = f"{written.word(str(program))} run" + (" --source nats" if answers.broker == NATS else "")
    account = {"User=landbridge": f"User={user}", "Group=landbridge\n": ""}
    unit = written.filled(
        "landbridge.service",
        {
            **account,
            "StateDirectory=landbridge": f"ReadWritePaths={own}",
            "LANDBRIDGE_CONFIG=/var/lib/landbridge/landbridge.toml": written.word(
                f"LANDBRIDGE_CONFIG={folder / config_file.DEFAULT_FILE}"
            ),
            "/opt/landbridge/bin/landbridge run": run,
            "/var/lib/landbridge": str(folder).replace(
                "%", "%%"
            ),  # a whole line, which is not cut into words
        },
    )
    written.write(folder / "systemd" / "landbridge.service", unit, 0o644, changed)
    of_broker = written.broker_unit(folder)
    if answers.broker == EXISTING:
        is_there = of_broker.exists()
        if is_there:
            of_broker.replace(of_broker.with_name(of_broker.name + ".old"))
        return is_there
    kind = {MOSQUITTO: "mosquitto", NATS: "nats"}[answers.broker]
    unit = written.filled(
        "landbridge-broker.service",
        {
            **account,
            "/usr/sbin/mosquitto": brokers.program(kind),
            "/var/lib/landbridge/mosquitto/landbridge.conf": written.word(
                str(folder / kind / "landbridge.conf")
            ),
            "/var/lib/landbridge": own,
        },
    )
    written.write(of_broker, unit, 0o644, changed)
    return False
