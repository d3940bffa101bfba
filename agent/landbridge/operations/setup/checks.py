"""Checks before the set-up writes anything."""

import errno
import os
import socket
from pathlib import Path

from landbridge import config
from landbridge.config import Config
from landbridge.core.errors import UserError
from landbridge.db.database import open_database
from landbridge.operations.setup import brokers, given_certificates, written
from landbridge.operations.setup.answers import EXISTING, MOSQUITTO, NATS, Answers

_FIRST_FREE_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def check(folder: Path, answers: Answers, before: Config | None) -> None:
    """`UserError` for the first thing that is missing or wrong; `before`: the configuration that is there."""
    _folder(folder)
    _certificates(folder, answers)
    if answers.broker == MOSQUITTO:
        brokers.program("mosquitto")
        brokers.plugin(answers)
        _agent_user(folder, answers, before)
    if answers.broker == NATS:
        brokers.program("nats")
    _database(folder, answers)
    _ports(folder, answers, before)


def _folder(folder: Path) -> None:
    there = folder
    while not os.path.exists(there):  # also False where one may not look
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"cannot write {folder}; name another folder with --data, or become its owner")
    written.owner(folder)


def _certificates(folder: Path, answers: Answers) -> None:
    if answers.broker == EXISTING:
        if answers.ca_file:
            given_certificates.check_ca(answers.ca_file)
        return
    if answers.cert_file:
        given = answers.ca_file, answers.cert_file, answers.key_file
        given_certificates.check(*given, {"host": answers.host, "agent_host": answers.agent_host})
        if folder.exists():
            given_certificates.check_readable(given, folder.stat().st_uid)


def _agent_user(folder: Path, answers: Answers, before: Config | None) -> None:
    """Mosquitto's users are its own file's once it is made; the agent's is not made again."""
    file = brokers.users_file(folder)
    password = answers.password or (before.broker.password if before else "")
    if file.exists() and not brokers.has_user(file, answers.username, password):
        raise UserError(
            f"{file} has another user or password of the agent: give those in username and password, or move"
            " that file away, set up again and run `landbridge broker sync`"
        )


def _ports(folder: Path, answers: Answers, before: Config | None) -> None:
    """Ports that are in force already may be in use by what the set-up has made."""
    wanted = {
        "web_port": (answers.web_host, answers.web_port),
        "watch_port": (answers.watch_host, answers.watch_port),
    }
    if answers.broker != EXISTING:
        wanted |= {"port": ("", answers.port), "agent_port": ("", answers.agent_port)}
    names: dict[int, str] = {}
    for name, (_, port) in wanted.items():
        if port in names:
            raise UserError(f"{names[port]} and {name} are both {port}; choose another {name}")
        names[port] = name
    ours = _in_force(folder, before) if before else set()
    for name, (host, port) in wanted.items():
        if port not in ours:
            _free(name, host, port)


def _in_force(folder: Path, before: Config) -> set[int]:
    """The ports of the agent, and those of a broker of our own, if there is one."""
    agent = {before.web.port, before.watch.port}
    if not written.broker_unit(folder).exists():
        return agent
    nats = before.nats.url.rpartition(":")[2]
    return (
        agent | {before.devices.broker_port, before.broker.port} | ({int(nats)} if nats.isdigit() else set())
    )


def _free(name: str, host: str, port: int) -> None:
    first = int(_FIRST_FREE_PORT.read_text()) if _FIRST_FREE_PORT.exists() else 1024
    if port < first:
        raise UserError(
            f"{name} = {port}: the services are not root and may not open it; choose {first} or more"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UserError(
                    f"{name} = {port} is in use, `ss -ltnp sport = :{port}` shows by which program; choose"
                    " another"
                ) from None
            where = f"{name.replace('port', 'host')} = {host!r}"
            raise UserError(f"{where} is not an address of this machine: {error.strerror}") from None


def _database(folder: Path, answers: Answers) -> None:
    if config.is_server(answers.database):
        open_database(answers.database).close()
        return
    if answers.broker == NATS:
        raise UserError(
            "agents that share NATS need a database on a server: --database postgresql://landbridge@localhost/landbridge"
        )
    if (place := folder / answers.database).exists():
        open_database(place).close()
