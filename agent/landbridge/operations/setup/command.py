"""`landbridge setup`: a whole installation in one command. What it takes to do it is loaded when it runs."""

import os
import sys
from pathlib import Path

import typer

from landbridge import config_file
from landbridge.core.errors import UserError

_ANSWERS = typer.Option(
    None, "--answers", help="TOML file with answers; --list-answers prints its possible keys."
)


def setup(
    answers: Path | None = _ANSWERS,
    host: str | None = typer.Option(None, help="Host name under which trackers reach the broker."),
    broker: str | None = typer.Option(None, help="mosquitto or nats (set up here), or existing."),
    port: int | None = typer.Option(None, help="TCP port of the broker for trackers."),
    agent_port: int | None = typer.Option(None, help="TCP port of the broker for the agent."),
    database: str | None = typer.Option(None, help="SQLite file, or postgresql://user@host/name."),
    web_port: int | None = typer.Option(None, help="TCP port of pages and HTTP API."),
    watch_port: int | None = typer.Option(None, help="TCP port of /metrics and /health."),
    mail_host: str | None = typer.Option(None, help="Mail server."),
    admin: str | None = typer.Option(None, help="Name of the first administrator."),
    check: bool = typer.Option(True, help="Check everything at the end, as `landbridge doctor`."),
    list_answers: bool = typer.Option(False, "--list-answers", help="Print the keys of --answers."),
) -> None:
    """Set up agent and broker; run it again to apply changes

    Writes configuration, certificates, broker users and systemd units into the folder of landbridge.toml.
    On a terminal it asks for what is missing. Run again, it keeps keys, and answers that
    were edited in landbridge.toml.

    \b
    Examples:
      landbridge --data /var/lib/landbridge setup
      landbridge setup --host mqtt.example.org --admin anna
    """
    from landbridge.operations import doctor
    from landbridge.operations.setup import answers as asked
    from landbridge.operations.setup import steps

    if list_answers:
        print(asked.listed(), end="")
        return
    given = {
        "host": host, "broker": broker, "port": port, "agent_port": agent_port, "database": database,
        "web_port": web_port, "watch_port": watch_port, "mail_host": mail_host, "admin": admin,
    }  # fmt: skip
    folder = _folder()
    is_asking = answers is None and sys.stdin.isatty()
    done = steps.set_up(folder, asked.gathered(answers, asked.said_before(folder), given, is_asking))
    for path in done.changed:
        print(f"written: {path}")
    if not done.changed:
        print("nothing has changed")
    if done.invitation:
        print(f"link for the first administrator, shown only once: {done.invitation}")
    for line in done.next_steps:
        print(line)
    if check:
        doctor.doctor()


def _folder() -> Path:
    file = Path(os.environ.get(config_file.FILE_VARIABLE, config_file.DEFAULT_FILE)).absolute()
    if file.name != config_file.DEFAULT_FILE:
        raise UserError(f"{file}: the set-up writes {config_file.DEFAULT_FILE}; name its folder with --data")
    return file.parent
