"""The running agent: the hooks between its features; its parts, started and stopped in order."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from sqlalchemy.exc import DBAPIError

from landbridge.config import MOSQUITTO, Config, base_url, carrier
from landbridge.config_file import exposed
from landbridge.core import texts
from landbridge.core.checks import Check, of_thread
from landbridge.core.clock import Clock
from landbridge.core.errors import UserError
from landbridge.core.garbage import collect_seldom
from landbridge.core.parts import Part, Source
from landbridge.core.periodic import Periodic
from landbridge.core.priority import IngestPriority
from landbridge.core.rate_limit import RateLimit
from landbridge.db.database import Database, open_database
from landbridge.db.keys import Keyring
from landbridge.db.leases import Leases
from landbridge.db.single import Stay, alone
from landbridge.downlinks import resend
from landbridge.downlinks.registry import HANDLERS, Handler
from landbridge.events.publisher import Publisher
from landbridge.events.publishing import ON_EVENT
from landbridge.events.retained import Retained
from landbridge.features.alarms import engine as alarms
from landbridge.features.commands import handler as commands
from landbridge.features.coverage import trip_start
from landbridge.features.devices import queries as devices
from landbridge.features.devices.broker_users import BrokerUsers
from landbridge.features.diagnostics import handler as diagnostics
from landbridge.features.downloads import arrivals, trust
from landbridge.features.downloads import handler as downloads
from landbridge.features.downloads import rules as download_rules
from landbridge.features.downloads.worker import Downloads
from landbridge.features.esim import handler as cards
from landbridge.features.integrations.deliveries import Deliveries
from landbridge.features.integrations.home_assistant import announcing
from landbridge.features.integrations.kinds import opened
from landbridge.features.notifications import mail
from landbridge.features.notifications.worker import Notifier, sender
from landbridge.features.reports.schedule import ReportMails
from landbridge.features.routes import handler as route_data
from landbridge.features.settings import handler as settings
from landbridge.features.sims import handler as sims
from landbridge.features.trips.start import ON_TRIP_START
from landbridge.features.updates import handler as updates
from landbridge.ingest.pipeline import Pipeline
from landbridge.ingest.session import Session
from landbridge.ingest.worker import Worker
from landbridge.operations.health import Health, notify, serving
from landbridge.operations.metrics import FleetMetrics
from landbridge.operations.retention import RetentionWorker
from landbridge.tracking.trip_end import ON_TRIP_END, ON_TRIP_REOPENED
from landbridge.tracking.worker import EVERY_MINUTE, EveryMinute, TrackingWorker
from landbridge.web import process as apart

if TYPE_CHECKING:
    from landbridge.ingest.nats_source import NatsSource

MakePipeline = Callable[[Database, Keyring, Clock, Any, Publisher], Pipeline]
WATCH_S = 5.0
_log = logging.getLogger(__name__)

# Hooks between features: who acts on whose change.
ON_TRIP_START.register(trip_start.make_route_data)
ON_TRIP_END.register(
    alarms.end_with_trip,
    settings.on_trip_end,
    commands.on_trip_end,
    cards.on_trip_end,
    downloads.on_trip_end,
)
arrivals.ON_INSTALLED.register(cards.on_installed)
cards.ON_ASSIGNED.register(arrivals.expect)
cards.ON_SWITCH.register(download_rules.by_package)
ON_TRIP_REOPENED.register(alarms.reopen_with_trip)
ON_EVENT.register(alarms.follow)
EVERY_MINUTE.register(EveryMinute(alarms.due_devices, alarms.check_due))
HANDLERS.register(
    Handler(settings.on_report, settings.devices_pending, settings.pending, is_state=True),
    Handler(commands.on_report, commands.devices_pending, commands.pending),
    Handler(cards.on_report, cards.devices_pending, cards.pending, is_state=True),
    Handler(downloads.on_report, downloads.devices_pending, downloads.pending),
    Handler(resend.on_report, resend.devices_pending, resend.pending),
    Handler(diagnostics.on_report),
    Handler(diagnostics.on_wakes_report),
    Handler(route_data.on_report, route_data.devices_pending, route_data.pending, is_state=True),
    Handler(updates.on_report, updates.devices_pending, updates.pending, is_state=True),
    Handler(sims.on_report, sims.devices_pending),
)


@dataclass(frozen=True)
class Leads:
    """Whether this agent passes messages on; of several that share a fleet one does, asked each time."""

    may_send: Callable[[], bool] = lambda: True
    """To the broker."""
    may_deliver: Callable[[], bool] = lambda: True
    """To integrations."""
    stay: Stay = lambda: None
    """The lock of an agent that must be the only one (db/single.py)."""


class Running(NamedTuple):
    """The running threads of a part of the agent, and its checks."""

    threads: Sequence[threading.Thread]
    checks: Sequence[Check] = ()
    lasting: Sequence[Check] = ()
    """Checks that are reported, but are no reason to restart the agent."""
    stay: Stay = lambda: None


def run(
    config: Config,
    stop: threading.Event,
    make_pipeline: MakePipeline = Pipeline,
    only: Part | None = None,
    source: Source = Source.MQTT,
) -> None:
    """Serve until `stop` is set; `UserError` when something needed is not there at the start."""
    if why := exposed():
        _log.warning("%s", why)
    if only == Part.WEB and not config.web.port:
        raise UserError("no port for the pages: set [web] port")
    texts.catalogues()
    database = open_database(config.store.database)
    try:
        with ExitStack() as running:
            parts = [running.enter_context(_metrics_thread(database))]
            if only == Part.WEB:
                parts.append(running.enter_context(_pages(config, database, stop)))
            elif only is None and config.web.port:
                parts.append(running.enter_context(_pages_apart(config)))
            if only != Part.WEB:
                parts.append(running.enter_context(_ingest(config, make_pipeline, database, source)))
            _watch(config, parts, stop)
    finally:
        database.close()


@contextmanager
def _metrics_thread(database: Database) -> Iterator[Running]:
    """Read figures of the database for /metrics, whatever part of the agent works on it."""
    fleet_metrics = FleetMetrics(database, Clock())
    fleet_metrics.start()
    try:
        yield Running((fleet_metrics,), (fleet_metrics.problem,))
    finally:
        fleet_metrics.stop()


@contextmanager
def _pages(config: Config, database: Database, stop: threading.Event) -> Iterator[Running]:
    """Serve pages and API in this process."""
    # Who does not serve them need not load any of it.
    from landbridge.web import server

    with server.serving(config, database, Clock(), stop) as thread:
        yield Running((thread,))


@contextmanager
def _pages_apart(config: Config) -> Iterator[Running]:
    """Run the pages in a process of their own, so that their failures do not stop ingest."""
    with apart.kept(config) as keeper:
        yield Running((keeper,), lasting=(keeper.problem,))


@contextmanager
def _ingest(
    config: Config, make_pipeline: MakePipeline, database: Database, source: Source
) -> Iterator[Running]:
    """Everything but the pages: from messages of devices to those for platforms."""
    keyring = Keyring(config.store.database, config.store.key_file)
    _check_keys(database, keyring)
    limit = RateLimit(config.devices.per_minute)
    if source == Source.MQTT:
        with alone(database) as stay:
            session = Session(config.broker, limit)
            leads = Leads(stay=stay)
            with _ingest_threads(config, make_pipeline, database, keyring, (session, session), leads) as part:
                yield part
        return
    if not database.on_server:
        raise UserError("agents that share NATS need a database on a server: set [store] database")
    # Agents that have all of it to themselves need not load it.
    from landbridge.ingest.nats_access import Access
    from landbridge.ingest.nats_source import NatsSource
    from landbridge.ingest.partitions import HeldPartitions

    with (
        Leases(database, "agents") as present,
        Leases(database, "publisher") as sending,
        Leases(database, "deliveries") as delivering,
    ):
        held_partitions = HeldPartitions(database, present)
        # NATS binds no client id to a user: an unknown id disconnects no other client.
        unknown = f"{config.broker.client_id[:50]}-{uuid4().hex[:12]}"
        session = Session(replace(config.broker, client_id=unknown, clean_session=True), limit, listens=False)
        taken = NatsSource(config.nats, limit, held_partitions, session, Access(database, keyring).answer)
        leads = Leads(lambda: _leads(sending), lambda: _leads(delivering))
        with _ingest_threads(config, make_pipeline, database, keyring, (taken, session), leads) as part:
            yield part


def _leads(lease: Leases) -> bool:
    """Whether this agent is the one that holds the lease."""
    lease.check()
    return lease.take(0)


@contextmanager
def _ingest_threads(
    config: Config,
    make_pipeline: MakePipeline,
    database: Database,
    keyring: Keyring,
    ends: "tuple[Session | NatsSource, Session]",
    leads: Leads,
) -> Iterator[Running]:
    """Run the threads. `ends`: where messages come from, and where others are published."""
    source, session = ends
    priority = IngestPriority()
    publisher = Publisher(
        database,
        announcing(session.publish, config.broker.home_assistant),
        priority,
        leads.may_send,
        Retained(database, session, Clock(), priority),
    )
    pipeline = make_pipeline(database, keyring, Clock(), source, publisher)
    worker = Worker(source.waiting, pipeline, priority)
    tracking = TrackingWorker(database, Clock(), publisher, priority, (source.problem, worker.problem))
    retention = RetentionWorker(database, Clock(), config.store, priority)
    deliverers = _deliverers(config, database, keyring, leads)
    threads: list[Periodic | Worker] = [worker, tracking, publisher, *deliverers, retention]
    if config.broker.users == MOSQUITTO:
        threads.append(BrokerUsers(config.broker, database, keyring, leads.may_send))
    checks = (*dict.fromkeys((source.problem, session.problem)), worker.problem)
    for end in dict.fromkeys((session, source)):
        end.open()
    collect_seldom()
    try:
        for thread in threads:
            thread.start()
        yield Running(threads, checks, (pipeline.damage,), leads.stay)
    finally:
        for thread in threads:
            thread.stop()
        for end in dict.fromkeys(ends):
            end.close()


def _deliverers(
    config: Config, database: Database, keyring: Keyring, leads: Leads
) -> tuple[Deliveries, Notifier, ReportMails, Downloads]:
    """Return what delivers to others than the broker: to integrations and people, and profiles to cards."""
    clock, may_deliver = Clock(), leads.may_deliver
    pages = base_url(config.web) if config.web.port or config.web.url else ""
    post = partial(mail.post, config.mail)
    return (
        Deliveries(
            database,
            clock,
            lambda integration: opened(integration, keyring, carrier(config.dcsa)),
            may_deliver,
        ),
        Notifier(database, clock, sender(keyring, config.mail, clock), pages, may_deliver),
        ReportMails(database, clock, post, config.mail.sender, may_deliver),
        Downloads(database, keyring, clock, trust.load(config.esim), may_deliver),
    )


def _watch(config: Config, parts: Sequence[Running], stop: threading.Event) -> None:
    """Report health to /health and the service manager until `stop` is set. `UserError` when a thread has
    died, so that the agent is restarted, or when another agent has taken the database."""
    threads = [thread for part in parts for thread in part.threads]
    checks = [check for part in parts for check in part.checks]
    lasting = [check for part in parts for check in part.lasting]
    health = Health((*checks, *map(of_thread, threads)), lasting)
    try:
        with serving(config.watch, health):
            notify("READY=1")
            while not stop.wait(WATCH_S):
                _check_once(health, parts)
                dead = [thread.name for thread in threads if not thread.is_alive()]
                if dead:
                    raise UserError(f"the thread {dead[0]} has died: the log says why; start the agent again")
    finally:
        notify("STOPPING=1")


def _check_once(health: Health, parts: Sequence[Running]) -> None:
    """Once: that the agent is still the only one, and what is wrong."""
    for part in parts:
        try:
            part.stay()
        except DBAPIError as error:
            _log.error("cannot check whether another agent uses the database: %s", error.orig)
    for why in health.problems():
        _log.error("not healthy: %s", why)
    if not health.hangs():
        notify("WATCHDOG=1")


def _check_keys(database: Database, keyring: Keyring) -> None:
    """Refuse to start with the wrong key file; a device whose key alone is bad is named."""
    bad, good = {}, 0
    with database.reading() as connection:
        for device, wrapped_key in devices.keys(connection):
            try:
                keyring.unwrap(wrapped_key)
                good += 1
            except UserError as error:
                bad[device] = error
    if bad and not good:
        raise next(iter(bad.values()))
    for device in bad:
        _log.error("the key of %s does not belong to this key file: its messages become dead letters", device)
