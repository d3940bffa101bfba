"""`landbridge doctor`: checks everything the agent needs, and names problems with their remedies."""

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from smtplib import SMTPException

import typer
from sqlalchemy.exc import DatabaseError

from landbridge import config, config_file
from landbridge.config import local_url
from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.names import OPERATOR
from landbridge.core.rate_limit import RateLimit
from landbridge.db import engines
from landbridge.db.leases import Leases
from landbridge.db.opened import Opened, opened
from landbridge.db.single import alone
from landbridge.events.queries import outbox
from landbridge.features.devices import broker_users, enrol
from landbridge.features.devices import queries as devices
from landbridge.features.integrations import queries as integrations
from landbridge.features.notifications import mail
from landbridge.features.notifications import queries as notifications
from landbridge.features.trips import queries as trips
from landbridge.ingest.queries import dead_letters
from landbridge.ingest.session import Session
from landbridge.operations import broker_check as checks
from landbridge.operations import certificates
from landbridge.points import quality
from landbridge.points.queries import points
from landbridge.tracking import queries as tracking

_LEAST_FREE_BYTES = 1 << 30
_DAY_S = 86_400
_MOST_IN_OUTBOX = 10_000
_RECOMPUTE_S = 600
_OTHER = "-doctor"
_HEADS = ("check", "", "found")
_OK, _NEXT, _SOON, _WRONG = "ok", "next", "soon", "WRONG"
_LACKS = ("device files", "broker", "broker users", "agent", "pages", "devices")
"""Parts that a new installation may not have yet."""
_FIRST_DEVICE = "`landbridge devices add lb-0001`"


def doctor() -> None:
    """Check this installation; print each problem with its remedy

    The exit code is 1 if something is wrong. Steps that a new installation still needs are marked "next", a
    certificate that expires within 30 days "soon".

    \b
    Example:
      landbridge doctor
    """
    place = config_file.load().store.database
    if not config.is_server(place) and not Path(place).exists():
        missing = f"no {place} yet: {_FIRST_DEVICE} makes it; or correct [store] database"
        table.show(_HEADS, [("database", _NEXT, missing)])
        return
    with opened() as it:
        is_fresh = _is_fresh(it)
        rows = [(name, *_looked(it, name, is_fresh)) for name in CHECKS]
    table.show(_HEADS, rows)
    if any(state == _WRONG for _, state, _ in rows):
        raise typer.Exit(1)


def _looked(it: Opened, name: str, is_fresh: bool) -> tuple[str, str]:
    """The result of a check, and its text."""
    try:
        return _OK, CHECKS[name](it)
    except certificates.ExpiresSoon as error:
        return _SOON, str(error)
    except UserError as error:
        return _NEXT if is_fresh and name in _LACKS else _WRONG, str(error)
    except DatabaseError as error:
        return _WRONG, f"the database cannot be read: {error.orig}; see the check of the database"


def _is_fresh(it: Opened) -> bool:
    """Whether no device has ever reported, and none was added more than a day ago."""
    now_s = it.clock.now_s()
    with it.database.reading() as connection:
        if devices.last_session(connection) is not None:
            return False
        first_s = devices.first_added(connection)
    return first_s is None or first_s > now_s - _DAY_S


def _database(it: Opened) -> str:
    if it.database.on_server:
        with it.database.reading() as connection:
            return f"PostgreSQL {engines.server_version(connection)}"
    try:
        with it.database.reading() as connection:
            damage = engines.damage_of_file(connection)
    except DatabaseError as error:
        damage = str(error.orig)
    if damage:
        raise UserError(
            f"{it.database.place} is damaged: {damage}; restore the backup: devices send again what was"
            " not acknowledged"
        )
    folder = Path(it.database.place).absolute().parent
    free = shutil.disk_usage(folder).free
    if free < _LEAST_FREE_BYTES:
        raise UserError(f"{free >> 20} MiB are free in {folder}: free some space, or storing will soon fail")
    return f"{it.database.place} is intact; {free >> 30} GiB are free"


def _keys(it: Opened) -> str:
    bad: dict[str, UserError] = {}
    count = 0
    with it.database.reading() as connection:
        for device, wrapped in devices.keys(connection):
            count += 1
            try:
                it.keyring.unwrap(wrapped)
            except UserError as error:
                bad[device] = error
    if bad and len(bad) == count:
        raise next(iter(bad.values()))
    if bad:
        some = ", ".join([*bad][:5])
        raise UserError(f"the key file does not decrypt the keys of {len(bad)} of {count} devices: {some}")
    file = it.keyring.path
    if file.exists() and (mode := file.stat().st_mode & 0o777) & config_file.TOO_OPEN:
        raise UserError(f"others may use the key file, its mode is {mode:o}: `chmod 600 {file}`")
    return f"the key file decrypts the keys of all {count} devices"


def _device_files(it: Opened) -> str:
    with it.database.reading() as connection:
        unknown = enrol.unknown_to(connection, it.config.devices)
    if unknown:
        raise UserError(
            f"the database does not know {len(unknown)} devices that have files, as after a restore:"
            f" `{enrol.adoption(unknown[0])}` adds one with its key, or move the files away"
        )
    return f"the database knows each device that has files in {it.config.devices.directory}"


def _broker(it: Opened) -> str:
    broker = it.config.broker
    # Under the agent's own name it would disconnect the agent.
    another = replace(broker, client_id=broker.client_id[:50] + _OTHER, clean_session=True)
    session = Session(another, RateLimit(1), listens=False)
    session.open()  # the error has its own text
    session.close()
    if broker.home_assistant and (remedy := checks.home_assistant(broker).remedy):
        raise UserError(f"{broker.host}:{broker.port} does not allow publishing for Home Assistant: {remedy}")
    _check_positions(it)
    if not broker.tls:
        raise UserError(f"{broker.host}:{broker.port} answers, without TLS: set [broker] tls = true")
    return f"{broker.host}:{broker.port} answers, over TLS; `landbridge broker check` tries its settings"


def _check_positions(it: Opened) -> None:
    """A position of a trip that the database does not know would stay at the broker for its tenant."""
    retained = checks.retained_positions(it.config.broker)
    with it.database.reading() as connection:
        known = trips.tenants(connection) | {(OPERATOR, each) for each in devices.names(connection)}
    if stray := sorted({*retained} - known):
        topic = "landbridge/out/{}/{}/position".format(*stray[0])
        raise UserError(
            f"it retains {len(stray)} positions of trips that the database does not know, as after a restore:"
            " start these trips again, or remove each, like"
            f" `mosquitto_pub --retain --null-message -t {topic}`"
        )


def _certificates(it: Opened) -> str:
    return certificates.check(it.config, it.clock.now())


def _broker_users(it: Opened) -> str:
    if it.config.broker.users != config.MOSQUITTO:
        return "managed manually, or by NATS"
    missing, extra = broker_users.differences(it.config.broker, it.database)
    if missing or extra:
        some = ", ".join([*missing, *extra][:5])
        raise UserError(
            f"{len(missing)} devices have no user at the broker, {len(extra)} users no device in use: {some};"
            " `landbridge broker sync` corrects this"
        )
    return "each device in use has a broker user, and no other broker user exists"


def _agent(it: Opened) -> str:
    watch = it.config.watch
    if watch.port:
        return _health(f"{local_url(watch.host, watch.port)}/health")
    if it.database.on_server:
        with Leases(it.database, "agents") as agents:
            if count := agents.holders():
                return f"{count} share the fleet; set [watch] port to check their health"
    try:
        with alone(it.database):
            pass
    except UserError:
        return "it runs; set [watch] port to check its health"
    raise UserError("no agent runs on this database: start it, `systemctl start landbridge`")


def _health(url: str) -> str:
    code, text = _asked(url)
    try:
        said = json.loads(text)
        is_healthy, problem = said["healthy"], "; ".join(said["problems"])
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{url} answers {code}, so it is not an agent: correct [watch] port") from None
    if is_healthy is not True:
        raise UserError(f"it is not healthy: {problem}")
    return f"it runs and is healthy ({url})"


def _pages(it: Opened) -> str:
    web = it.config.web
    if not web.port:
        return "none: [web] port is 0"
    url = f"{local_url(web.host, web.port)}/sign-in"
    code, text = _asked(url)
    if code != 200 or "Landbridge" not in text:
        raise UserError(f"{url} answers {code}, so it is not an agent: correct [web] port")
    return f"{url} answers"


def _asked(url: str) -> tuple[int, str]:
    """Return code and text; a server on this machine is not asked through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode(errors="replace")
    except (OSError, ValueError, HTTPException) as error:
        raise UserError(
            f"no answer from {url}: {error}; start the agent, or ask again if it has just started"
        ) from None


def _sessions(it: Opened) -> str:
    now_s = it.clock.now_s()
    with it.database.reading() as connection:
        last = devices.last_session(connection)
        count = len(devices.names(connection))
    if not count:
        raise UserError(f"none yet: {_FIRST_DEVICE}")
    if last is None:
        raise UserError(f"none of {count} devices has ever connected: switch one on, and check the broker")
    if last < now_s - _DAY_S:
        raise UserError(
            f"none of {count} devices has connected for a day, the last {iso(last)}: check the broker"
        )
    return f"{count} devices, the last heard at {iso(last)}"


def _dead_letters(it: Opened) -> str:
    now_s = it.clock.now_s()
    with it.database.reading() as connection:
        fresh = [row for row in dead_letters.every(connection) if row.received_s > now_s - _DAY_S]
        unknown = dead_letters.unknown_devices(connection)
    if fresh:
        raise UserError(
            f"{len(fresh)} dead letters in a day: `landbridge dead-letters list` shows the reasons"
        )
    waiting = f", {len(unknown)} unknown devices in quarantine" if unknown else ""
    return f"no dead letter in a day{waiting}"


def _outbox(it: Opened) -> str:
    with it.database.reading() as connection:
        waiting = len(outbox.head(connection, _MOST_IN_OUTBOX))
    if waiting >= _MOST_IN_OUTBOX:
        raise UserError(f"{waiting} or more messages wait for the platforms: is the broker slow?")
    return f"{waiting} messages wait for the platforms"


def _integrations(it: Opened) -> str:
    with it.database.reading() as connection:
        rows = [row for row in integrations.every(connection) if row.removed_s is None]
        held = {row.name: len(integrations.retries(connection, row.integration)) for row in rows}
    bad = [f"{row.name}: {row.failure}, last tried at {iso(row.failed_s)}" for row in rows if row.failure]
    bad += [f"{name} refuses messages of {count} devices" for name, count in held.items() if count]
    if bad:
        raise UserError(f"{'; '.join(bad)}: `landbridge integrations list` shows the backlog")
    return f"{len(rows)} integrations, none failing"


def _mail(it: Opened) -> str:
    with it.database.reading() as connection:
        uses_mail = any("@" in each.service for each in notifications.channels(connection))
    if not uses_mail:
        return "no notification channel needs it"
    where = f"{it.config.mail.host}:{it.config.mail.port}"
    try:
        with mail.connected(it.config.mail):
            return f"{where} answers"
    except (OSError, SMTPException) as error:
        raise UserError(f"mail server {where}: {error}; correct [mail]") from None


def _openid(it: Opened) -> str:
    if not it.config.openid.issuer:
        return "no sign-in service: [openid] issuer is empty"
    # Who has none need not load what it takes.
    from landbridge.features.users import openid

    openid.found(it.config)
    return f"{it.config.openid.issuer} answers and confirms its name"


def _trips(it: Opened) -> str:
    with it.database.reading() as connection:
        twice = trips.twice(connection)
    if twice:
        some = "; ".join(f"{container} is on {one} and {other}" for container, one, other in twice[:5])
        raise UserError(f"{some}: end the trip of the wrong device, `landbridge trips end`")
    return "no container is on two devices"


def _tracking(it: Opened) -> str:
    with it.database.reading() as connection:
        count = tracking.left(connection, it.clock.now_s() - _RECOMPUTE_S)
    if count:
        raise UserError(
            f"{count} devices have points older than 10 min that are not processed: see the agent's log"
        )
    return "all points older than 10 min are processed"


def _clock(it: Opened) -> str:
    with it.database.reading() as connection:
        ahead = points.last_flagged(connection, quality.FUTURE)
    if ahead:
        raise UserError(
            f"the last point of {len(ahead)} devices, {ahead[0]} among them, was dated later than it arrived:"
            " compare this machine's clock with UTC; if it is slow, correct it, then `landbridge reprocess`"
        )
    return "no device's last point was dated later than it arrived"


def _configuration(it: Opened) -> str:
    if why := config_file.exposed():
        raise UserError(why)
    return "its secrets are not readable by other users"


CHECKS: dict[str, Callable[[Opened], str]] = {
    "configuration": _configuration,
    "database": _database,
    "keys": _keys,
    "device files": _device_files,
    "broker": _broker,
    "certificates": _certificates,
    "broker users": _broker_users,
    "agent": _agent,
    "pages": _pages,
    "devices": _sessions,
    "clock": _clock,
    "dead letters": _dead_letters,
    "outbox": _outbox,
    "integrations": _integrations,
    "mail": _mail,
    "sign-in": _openid,
    "trips": _trips,
    "tracking": _tracking,
}
