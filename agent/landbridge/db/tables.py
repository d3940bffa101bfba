"""The tables. `migrations/` makes them."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy import Integer as Integer32
from sqlalchemy.types import TypeEngine

from landbridge.protocol.point import CELL_FIELDS, POSITION_FIELDS, Point
from landbridge.protocol.uplink import RANGES

metadata = MetaData()
Integer = BigInteger().with_variant(Integer32(), "sqlite")  # message numbers and times need more than 31 bits


def _index_where(rows: ColumnElement[bool], name: str, *columns: Column[Any], unique: bool = False) -> None:
    """Index only these rows of their table, on either engine."""
    Index(name, *columns, unique=unique, sqlite_where=rows, postgresql_where=rows)


devices = Table(
    "devices",
    metadata,
    Column("device", String(32), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),  # db/keys.py
    Column("created_s", Integer, nullable=False),
    Column("retired_s", Integer),  # null: in use; then wrapped_key is empty, and the history stays
    Column("tags", Text, nullable=False, server_default="[]"),  # JSON: texts, sorted
    Column("next_down_number", Integer, nullable=False, default=0),
    # Replay window: the highest number seen, and which of the 63 before it (bit 0 = top - 1).
    Column("window_top", Integer, nullable=False, default=-1),
    Column("window_bits", Integer, nullable=False, default=0),
    # Of uplinks up to this number it may not be known any more that they came
    # (operations/queries/old_rows.py).
    Column("forgotten_number", Integer, nullable=False, server_default=text("-1")),
    # Of its keys (ingest/queries/epochs.py).
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("forged", Integer, nullable=False, server_default=text("0")),  # messages since the epoch began
    Column("last_session_s", Integer),
    Column("next_session_s", Integer),
    Column("status", Text, nullable=False, default="{}"),  # JSON, as in protocol/uplink.py
    Column("identity", Text, nullable=False, default="{}"),
    Column("counters", Text, nullable=False, server_default="{}"),  # JSON: protocol/diagnostics.py
    Column("complete_seq", Integer, nullable=False, server_default=text("0")),  # nothing is missing up to it
    Column("highest_seq", Integer, nullable=False, server_default=text("0")),  # nothing is stored above it
    # The latest position: the good fix with the greatest time, whenever it came in.
    Column("position_seq", Integer),
    Column("position_at_s", Integer),
    Column("stationary_until_s", Integer),  # until when it was reported to be there; null: not since that fix
    # From the first point that has changed since the last recompute (tracking/).
    Column("recompute_from_s", Integer),
    Column("silent_due_s", Integer),  # the missed session that was published; null: none
)
_index_where(devices.c.recompute_from_s.is_not(None), "devices_to_recompute", devices.c.recompute_from_s)

trips = Table(
    "trips",
    metadata,
    Column("trip", Integer, primary_key=True),
    Column("device", ForeignKey("devices.device"), nullable=False, index=True),
    Column("container", String(11), nullable=False),
    Column("route", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("interval_s", Integer, nullable=False),
    Column("started_s", Integer, nullable=False),
    Column("ended_s", Integer),
    Column("tenant", Text),  # whose trip it is; null: the operator tenant's
    Column("by_arrival", Boolean, nullable=False, server_default=false()),  # ended so; may be taken back
    Column("customer", Text, nullable=False, server_default="{}"),  # JSON: the shipper's references by name
    Column("tags", Text, nullable=False, server_default="[]"),  # JSON: texts
    # Arrival as first expected, by the timetable, and as expected now; null: not on the route, or arrived.
    Column("planned_s", Integer),
    Column("eta_s", Integer),
    # JSON: hours to go after each station, mean and variance (tracking/travel_times.py)
    Column("expected", Text),
)


def _wide_enough(name: str) -> TypeEngine[int]:
    """The narrowest integer of PostgreSQL that holds what a record may: there are billions of them."""
    low, high = RANGES[name]
    narrow = SmallInteger() if -(1 << 15) <= low and high < 1 << 15 else Integer32()
    return narrow.with_variant(Integer32(), "sqlite") if high < 1 << 31 else Integer


UNCHECKED = ("points", "uplinks")
"""PostgreSQL does not look up the device and the trip of each of their rows: that costs more than to
store it. Who stores holds the row of the device (ingest/queries/device_rows.py); neither devices nor
trips are ever removed."""

points = Table(
    "points",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    # The record as the device made it, units and names of protocol/point.py.
    Column("seq", Integer, primary_key=True, autoincrement=False),
    *(
        Column(name, _wide_enough(name), nullable=name in (*POSITION_FIELDS, *CELL_FIELDS))
        for name in Point._fields[1:]
    ),
    Column("at_s", Integer),  # when it was taken; null: not known (yet)
    Column("dated", Boolean, nullable=False),  # at_s comes from the clock of a later uplink
    Column("flags", Integer, nullable=False),  # quality flags, points/quality.py
    Column("received_s", Integer, nullable=False),
    Column("trip", ForeignKey("trips.trip")),
    # The rows lie in the order they are read; half the size of a table with an index.
    sqlite_with_rowid=False,
)
# Those that the clock of an uplink dates. With the device in it, SQLite prefers the primary key,
# which is in the index anyway.
_index_where(points.c.quality == 0, "points_by_power_on", points.c.boot)

uplinks = Table(
    "uplinks",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("received_s", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # the envelope, byte for byte; empty: no longer kept
    Column("bytes", Integer, nullable=False, server_default=text("0")),  # of the envelope as it came
    Column("records", Integer, nullable=False),
    Column("new_records", Integer, nullable=False),  # the others were there before
    Column("repeats", Integer, nullable=False, server_default=text("0")),  # same bytes again
    sqlite_with_rowid=False,
)

gone = Table(  # capture sequences that the device says it no longer has
    "gone",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("low", Integer, primary_key=True, autoincrement=False),
    Column("high", Integer, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

device_log = Table(
    "device_log",
    metadata,
    # An entry as the device made it (protocol/diagnostics.py); the same one may come again.
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("boot", Integer, primary_key=True, autoincrement=False),
    Column("clock_s", Integer, primary_key=True, autoincrement=False),
    Column("kind", Integer, primary_key=True, autoincrement=False),
    Column("value", Integer, primary_key=True, autoincrement=False),
    Column("text", Text),
    Column("at_s", Integer),  # null: not known
    Column("received_s", Integer, nullable=False),
    sqlite_with_rowid=False,
)

wakes = Table(
    "wakes",
    metadata,
    # As the device reported them (features/diagnostics/wake_coding.py); the same one may come again.
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("boot", Integer, primary_key=True, autoincrement=False),
    Column("clock_min", Integer, primary_key=True, autoincrement=False),
    Column("at_s", Integer, nullable=False),
    Column("did", Integer, nullable=False),
    Column("rest", Integer, nullable=False),
    Column("joules", Float, nullable=False),
    sqlite_with_rowid=False,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("received_s", Integer, nullable=False),
    Column("topic", Text, nullable=False, index=True),
    Column("payload", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    # Older dead letters of the topic that were removed when this one came.
    Column("dropped", Integer, nullable=False, server_default=text("0")),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("device", String(32), nullable=False, index=True),
    Column("received_s", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("message", Integer, primary_key=True),  # rises; from the clock (db/order.py)
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("retain", Boolean, nullable=False),
    # Tenant, device, and kind: position, track or event. Null: of no tenant, for the broker only.
    Column("tenant", Text),
    Column("device", String(32)),
    Column("what", String(16)),
    sqlite_autoincrement=True,
)

# What went to the topics of tracks, for platforms that ask again: a batch of points a row.
tracks = Table(
    "tracks",
    metadata,
    Column("message", Integer, primary_key=True, autoincrement=False),  # that it had in the outbox
    Column("tenant", Text, nullable=False),
    Column("device", String(32), nullable=False),
    Column("sequences", Text, nullable=False),  # JSON: lowest and highest of each range
    Index("tracks_by_tenant", "tenant", "message"),
)

# Who takes messages from the outbox, each at its own pace. Rows are never deleted.
integrations = Table(
    "integrations",
    metadata,
    Column("integration", Integer, primary_key=True),
    Column("name", String(32), nullable=False),
    Column("kind", String(16), nullable=False),  # integrations/kinds.py; "broker" is the MQTT broker itself
    Column("address", Text, nullable=False),
    Column("only_public", Boolean, nullable=False, server_default=false()),  # added by a tenant
    Column("tenant", Text),  # whose messages; null: everybody's
    Column("what", Text, nullable=False),  # JSON: which kinds of messages
    Column("paused", Boolean, nullable=False, server_default=false()),  # its messages wait
    Column("wrapped_secret", LargeBinary),  # db/keys.py
    Column("wrapped_old_secret", LargeBinary),  # the one before it, which signs too; null: none
    Column("cursor", Integer, nullable=False),  # it has all messages up to this one, but for those held
    Column("replay_to", Integer),  # up to this one it gets messages again; null: none were replayed
    Column("delivered", Integer, nullable=False, server_default=text("0")),
    Column("delivered_s", Integer),
    Column("failure", Text),  # of the last try; null: it went well
    Column("failed_s", Integer),
    Column("added_by", Text, nullable=False),
    Column("added_s", Integer, nullable=False),
    Column("removed_by", Text),
    Column("removed_s", Integer),
)

# Devices of which an integration refuses a message: this one and what follows of the device waits, nothing
# else.
delivery_retries = Table(
    "delivery_retries",
    metadata,
    Column("integration", ForeignKey("integrations.integration"), primary_key=True),
    Column("device", String(32), primary_key=True),
    Column("message", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_s", Integer, nullable=False),
    Column("failure", Text, nullable=False),
)

# Where notifications go, each with its own place among the events. Rows are never deleted.
notification_channels = Table(
    "notification_channels",
    metadata,
    Column("channel", Integer, primary_key=True),
    Column("name", String(32), nullable=False),
    Column("service", Text, nullable=False),  # what people see of the address
    Column("wrapped_address", LargeBinary, nullable=False),  # db/keys.py
    Column("language", String(16), nullable=False),
    Column("zone", Text, nullable=False),  # of quiet hours and digests
    Column("tenant", Text),  # whose events; null: everybody's
    Column("paused", Boolean, nullable=False, server_default=false()),  # its notifications wait
    Column("cursor", Integer, nullable=False),  # its rules were applied to all events up to this one
    Column("added_by", Text, nullable=False),
    Column("added_s", Integer, nullable=False),
    Column("removed_by", Text),
    Column("removed_s", Integer),
)

# The first rule of a channel that fits an event holds.
notification_rules = Table(
    "notification_rules",
    metadata,
    Column("channel", ForeignKey("notification_channels.channel"), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("place", Integer, nullable=False),
    Column("content", Text, nullable=False),  # JSON: features/notifications/rules.py, Rule
)

# What goes, went, or did not have to go to a channel, a row an event: the outbox and the log of deliveries.
notifications = Table(
    "notifications",
    metadata,
    Column("notification", Integer, primary_key=True),  # rises; from the clock (db/order.py)
    Column("id", Text, nullable=False, unique=True),  # of channel and event, so that nothing is planned twice
    Column("channel", ForeignKey("notification_channels.channel"), nullable=False),
    Column("event", Text, nullable=False, index=True),
    Column("alarm", Integer, index=True),
    Column("device", String(32)),
    Column("tenant", Text),
    Column("rule", String(32), nullable=False),
    Column("is_digest", Boolean, nullable=False),  # goes together with others of its rule
    Column("most_a_week", Integer),  # messages about its container
    Column("content", Text, nullable=False),  # JSON: the event
    Column("made_s", Integer, nullable=False),
    Column("due_s", Integer, nullable=False),
    Column("state", String(16), nullable=False),  # waiting, sending, sent, withdrawn, failed
    Column("message", Integer),  # number of the message that it is in
    Column("lease_until_s", Integer),  # of the state sending: afterwards another worker may send it
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("answer", Text),  # the last one
    Column("answered_s", Integer),
)
_index_where(
    notifications.c.state.in_(("waiting", "sending")),
    "notifications_open",
    notifications.c.channel,
    notifications.c.due_s,
)
Index("notifications_by_device", notifications.c.channel, notifications.c.device, notifications.c.answered_s)

# Reports that are sent by mail again and again. Rows are never deleted.
report_schedules = Table(
    "report_schedules",
    metadata,
    Column("schedule", Integer, primary_key=True),
    Column("name", String(32), nullable=False),
    Column("kind", String(16), nullable=False),  # features/reports/kinds.py
    Column("subject", Text, nullable=False),  # number of the trip, name of the route; empty: the fleet
    Column("format", String(8), nullable=False),
    Column("mailbox", Text, nullable=False),
    Column("language", String(16), nullable=False),
    Column("every", String(8), nullable=False),  # day, week, month
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("tenant", Text),  # whose trips; null: everybody's
    Column("next_s", Integer, nullable=False),  # the end of the period that it is about
    Column("try_s", Integer, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("answer", Text),  # the last one of the mail server
    Column("answered_s", Integer),
    Column("added_by", Text, nullable=False),
    Column("added_s", Integer, nullable=False),
    Column("removed_s", Integer),
)

# Every revision stays: with who and when it is the audit trail.
settings = Table(
    "settings",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("changes", Text, nullable=False),  # JSON: what differs from the defaults, by name
    Column("set_by", Text, nullable=False),
    Column("set_s", Integer, nullable=False),
    # The trip whose tenant has set some of it, and JSON: what is left when that ends. Null: all of it.
    Column("trip", ForeignKey("trips.trip")),
    Column("lasting", Text),
)

# What a device said last (protocol/settings.py, Report).
setting_reports = Table(
    "setting_reports",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("hash", BigInteger, nullable=False),
    Column("source", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("why", Integer, nullable=False),
    Column("reported_s", Integer, nullable=False),
)

# Views of the fleet's list that people keep: what its address says after the question mark.
saved_views = Table(
    "saved_views",
    metadata,
    Column("view", Integer, primary_key=True),
    Column("owner", Text, nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),
)

# A row a command, with who and when of each step. Rows are never removed.
commands = Table(
    "commands",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("command", Integer, primary_key=True, autoincrement=False),  # rises; from the clock
    Column("verb", Text, nullable=False),
    Column("argument", Integer, nullable=False),
    Column("expires_s", Integer, nullable=False),
    Column("given_by", Text, nullable=False),
    Column("given_s", Integer, nullable=False),
    Column("sent_s", Integer),  # for the first time
    Column("cancelled_by", Text),
    Column("cancelled_s", Integer),
    Column("result", Integer),  # features/commands/coding.py, RESULTS
    Column("result_s", Integer),
    Column("trip", ForeignKey("trips.trip")),  # whose tenant has given it, with which it ends; null: neither
)

releases = Table(
    "releases",
    metadata,
    Column("board", String(32), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("version", Text, nullable=False),
    Column("mpy", Integer, nullable=False),  # version of its compiled modules
    Column("file_list", LargeBinary, nullable=False),  # CBOR, as devices pull it
    Column("added_s", Integer, nullable=False),
)

release_files = Table(
    "release_files",
    metadata,
    Column("board", String(32), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("file", Integer, primary_key=True, autoincrement=False),  # from 1, in the order of the list
    Column("name", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    ForeignKeyConstraint(["board", "sequence"], ["releases.board", "releases.sequence"]),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("board", String(32), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("canaries", Integer, nullable=False),
    Column("stage_s", Integer, nullable=False),  # each stage lasts so long at least
    Column("stage", Integer, nullable=False),  # 0: the canaries, features/updates/rollout.py
    Column("stage_began_s", Integer, nullable=False),
    Column("halted", Text),  # why; null: it goes on
    Column("forgiven", Integer, nullable=False),  # failures before it was taken up again
    ForeignKeyConstraint(["board", "sequence"], ["releases.board", "releases.sequence"]),
)

# What each device said of its releases last.
device_releases = Table(
    "device_releases",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("board", String(32), nullable=False, index=True),
    Column("running", Integer, nullable=False),  # sequences
    Column("on_trial", Boolean, nullable=False),
    Column("reported_s", Integer, nullable=False),
)

device_updates = Table(
    "device_updates",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("board", String(32), nullable=False),
    Column("assigned_s", Integer, nullable=False),
    Column("pulls", Integer, nullable=False),  # pieces asked for
    Column("file", Integer, nullable=False),  # where the last one began
    Column("byte", Integer, nullable=False),
    Column("ended", String(32)),  # "running", or why it failed; null: not yet
)

routes = Table(
    "routes",
    metadata,
    Column("route", Text, primary_key=True),
    Column("stations", Text, nullable=False),  # JSON: rows of geo/route.py, Waypoint
    Column("places_km", Text, nullable=False),  # JSON: to the nearest place, by tile
    Column("added_s", Integer, nullable=False),
)

# What was seen of networks in each tile of a route, by the trips that features/coverage/learn.py has read.
coverage = Table(
    "coverage",
    metadata,
    Column("route", ForeignKey("routes.route"), primary_key=True),
    Column("tile", Integer, primary_key=True, autoincrement=False),
    Column("plmn", Integer, primary_key=True, autoincrement=False),  # 0: no network was heard
    Column("observations", Integer, nullable=False),
    Column("good", Integer, nullable=False),  # of these, where it was well heard
)

# What a report costs over each network there, percent of the cheapest.
network_costs = Table(
    "network_costs",
    metadata,
    Column("route", ForeignKey("routes.route"), primary_key=True),
    Column("plmn", Integer, primary_key=True, autoincrement=False),
    Column("percent", Integer, nullable=False),
)

route_data = Table(
    "route_data",
    metadata,
    Column("trip", ForeignKey("trips.trip"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),  # protocol/route_data.py
)

# What a device said of its route data last (features/routes/coding.py, Report).
route_data_reports = Table(
    "route_data_reports",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("in_use", Integer, nullable=False),
    Column("coming", Integer, nullable=False),
    Column("offset", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),  # downlinks about it since it reported something else
    Column("reported_s", Integer, nullable=False),
)

# A row a change of what a device's card is to do. Rows are never removed.
profile_policies = Table(
    "profile_policies",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),  # rises; from the clock
    Column("policy", Text, nullable=False),  # JSON: features/esim/coding.py, Policy
    Column("profile", Text, nullable=False),  # name of a profile, or "auto"
    Column("set_by", Text, nullable=False),
    Column("set_s", Integer, nullable=False),
    # The trip with which the choice ends, and the profile in force again then; null: this one lasts.
    Column("trip", ForeignKey("trips.trip")),
    Column("lasting", Text),
)

# What a device said of its card last (features/esim/coding.py, Report).
esim_reports = Table(
    "esim_reports",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("route", Integer, nullable=False),
    Column("eid", String(32), nullable=False),
    Column("used", Integer, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("profiles", Text, nullable=False),  # JSON: ICCID and class of each
    Column("month", Integer, nullable=False, server_default=text("0")),  # of used_kb, from March 2000 on
    Column("used_kb", Text, nullable=False, server_default="[]"),  # JSON: ICCID and kilobytes of each
    Column("reported_s", Integer, nullable=False),
)

# What became of switches (features/esim/coding.py, Event).
profile_switches = Table(
    "profile_switches",
    metadata,
    Column("event", Integer, primary_key=True),
    Column("device", ForeignKey("devices.device"), nullable=False, index=True),
    Column("at_s", BigInteger, nullable=False),
    Column("before", Integer, nullable=False),
    Column("after", Integer, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("cause", Integer, nullable=False),
    Column("revision", Integer, nullable=False),  # of the policy that names the profiles
    Column("received_s", Integer, nullable=False),
)

# What the eUICC wants the servers of its profiles to know; complete when content is as long as `total`.
euicc_notifications = Table(
    "euicc_notifications",
    metadata,
    Column("notification", Integer, primary_key=True),
    Column("device", ForeignKey("devices.device"), nullable=False, index=True),
    Column("seq", Integer, nullable=False),  # of the eUICC
    Column("operation", Integer, nullable=False),  # features/esim/coding.py, OPERATIONS
    Column("iccid", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),  # as the eUICC has signed it
    Column("received_s", Integer, nullable=False),
    Column("eid", String(32)),  # of the card, as the device had reported it; null: not known
    # The way to its server (features/downloads/notices.py).
    Column("next_s", Integer, nullable=False, server_default=text("0")),  # not before
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("failure", Text),  # of the last try; null: it went well
    Column("posted_s", Integer),  # null: the server does not have it
    Column("wants_whole", Boolean, nullable=False, server_default=false()),  # asked for with its certificates
    Column("removed_s", Integer),  # from the card
)
_index_where(
    euicc_notifications.c.posted_s.is_(None), "euicc_notifications_to_post", euicc_notifications.c.next_s
)
_index_where(
    euicc_notifications.c.removed_s.is_(None), "euicc_notifications_to_remove", euicc_notifications.c.device
)

# Profiles that are to be loaded onto cards, deleted or renamed, a row an order. Rows are never removed. What
# is `wrapped_` (db/keys.py) is emptied when the order has ended.
downloads = Table(
    "downloads",
    metadata,
    Column("download", Integer, primary_key=True),
    Column("device", ForeignKey("devices.device"), nullable=False, index=True),
    Column("trip", ForeignKey("trips.trip")),  # whose tenant has ordered it, with which it ends
    Column("task", String(16), nullable=False),  # as in features/downloads/queries.py
    Column("server", Text, nullable=False),  # empty: not needed
    Column("wrapped_code", LargeBinary),  # features/downloads/activation.py, Code
    Column("then_enable", Boolean, nullable=False),
    Column("ordered_by", Text, nullable=False),
    Column("ordered_s", Integer, nullable=False),
    # Where it is (features/downloads/steps.py), and since when.
    Column("stage", String(16), nullable=False),
    Column("changed_s", Integer, nullable=False),
    Column("step", Integer, nullable=False),  # of the device; rises; from the clock
    Column("answered", Boolean, nullable=False, server_default=false()),  # by the device: the agent goes on
    Column("next_s", Integer, nullable=False, server_default=text("0")),  # not before
    Column("wrapped_request", LargeBinary),  # for the card
    Column("wrapped_answer", LargeBinary),  # of the card
    Column("wrapped_session", LargeBinary),  # CBOR: of the RSP session
    Column("wrapped_package", LargeBinary),  # as the device pulls it
    Column("package_bytes", Integer, nullable=False, server_default=text("0")),
    Column("package_digest", LargeBinary),
    Column("segments", Integer, nullable=False, server_default=text("0")),
    Column("pulled", Integer, nullable=False, server_default=text("0")),  # bytes that were asked for
    Column("sessions", Integer, nullable=False, server_default=text("0")),  # that were begun
    Column("loads", Integer, nullable=False, server_default=text("0")),  # that were interrupted
    Column("failures", Integer, nullable=False, server_default=text("0")),  # of the server, in succession
    Column("postponed", Integer, nullable=False, server_default=text("0")),  # by the device, likewise
    Column("reason", Integer, nullable=False, server_default=text("0")),  # downloads/coding.py, REASONS
    Column("eid", String(32)),
    Column("iccid", String(20)),
    Column("free_bytes", Integer),  # for profiles, as the card said last; null: it has not
    Column("profile", Text),  # its name, and that of its mobile operator
    Column("provider", Text),
    Column("problem", Text),  # why it does not go on, or has failed; null: nothing
    Column("refusal", Text),  # of the server, as in ERRORS of features/downloads/es9.py
    Column("outcome", String(16)),  # installed, done, failed, cancelled; null: open
    Column("ended_s", Integer),
)
_index_where(downloads.c.outcome.is_(None), "downloads_open", downloads.c.device)

# Certificates of eUICCs and of their makers, learned from downloads: notifications come without them.
euicc_certificates = Table(
    "euicc_certificates",
    metadata,
    Column("eid", String(32), primary_key=True),
    Column("euicc", LargeBinary, nullable=False),
    Column("maker", LargeBinary, nullable=False),
)

# The agent as remote manager of IoT eUICCs (eIM, SGP.32): one row, of its key that signs packages.
eim = Table(
    "eim",
    metadata,
    Column("eim_id", Text, primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),  # PKCS 8
    Column("made_s", Integer, nullable=False),
)

# eUICCs as they have said last what they are, and whom an IoT eUICC obeys. Another device gets one only by
# the card's signature.
euiccs = Table(
    "euiccs",
    metadata,
    Column("eid", String(32), primary_key=True),
    Column("device", ForeignKey("devices.device"), nullable=False, index=True),
    Column("iot", Boolean, nullable=False),
    Column("reported_s", Integer, nullable=False),
    Column("proved_s", Integer),  # its signature was verified; null: only the device says that it is there
    Column("eim_id", Text),  # of the manager; null: none, or another kind of card
    Column("token", Integer, nullable=False, server_default=text("0")),  # of the association
    Column("counter", Integer, nullable=False, server_default=text("0")),  # of the last package
    Column("profiles", Text),  # JSON: as in features/downloads/iot.py, Listed; null: never listed
)

# Profiles that are brought to the devices on trips with a tag, in stages (core/stages.py).
profile_rollouts = Table(
    "profile_rollouts",
    metadata,
    Column("rollout", Integer, primary_key=True),
    Column("tag", Text, nullable=False),
    Column("profile", Text, nullable=False),  # name of a profile, or "auto"
    Column("canaries", Integer, nullable=False),
    Column("stage_s", Integer, nullable=False),
    Column("stage", Integer, nullable=False),
    Column("stage_began_s", Integer, nullable=False),
    Column("halted", Text),  # why; null: it goes on
    Column("forgiven", Integer, nullable=False),
    Column("begun_by", Text, nullable=False),
    Column("begun_s", Integer, nullable=False),
)

# The devices that a roll-out has reached.
profile_rollout_devices = Table(
    "profile_rollout_devices",
    metadata,
    Column("rollout", ForeignKey("profile_rollouts.rollout"), primary_key=True),
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("revision", Integer, nullable=False),  # of the policy that asks for it
    Column("ended", Text),  # "in use", or why not; null: not yet
    Column("trip", ForeignKey("trips.trip")),  # the last one on which it has reached the device
)

# A row a change of who a device is.
sim_identities = Table(
    "sim_identities",
    metadata,
    Column("identity", Integer, primary_key=True),
    Column("device", ForeignKey("devices.device"), nullable=False, index=True),
    Column("imei", Text, nullable=False),
    Column("iccid", Text, nullable=False, index=True),
    Column("imsi", Text, nullable=False),
    Column("seen_s", Integer, nullable=False),
)

# People who sign in (features/users/people.py). Rows are never deleted.
users = Table(
    "users",
    metadata,
    Column("user", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("mail", Text),
    Column("role", Text, nullable=False),  # features/users/rules.py
    Column("tenant", Text),  # null: the operator tenant, which sees all
    Column("password", Text),  # argon2id, features/users/passwords.py; null: not set yet
    Column("subject", Text, unique=True),  # "<issuer> <sub>" of OpenID Connect
    Column("totp", LargeBinary),  # the secret of the second factor, wrapped (db/keys.py)
    Column("totp_since_s", Integer),  # null: not confirmed by a code yet
    Column("totp_step", Integer, nullable=False, server_default=text("0")),  # the last one that was used
    Column("added_by", Text, nullable=False),
    Column("added_s", Integer, nullable=False),
    Column("seen_s", Integer),  # last sign-in
    Column("disabled_by", Text),
    Column("disabled_s", Integer),
    Column("ended_by", Text),
    Column("ended_s", Integer),
)
_index_where(users.c.ended_s.is_(None), "users_by_name", users.c.name, unique=True)

# One link a user, with which a password is set; it works once.
invitations = Table(
    "invitations",
    metadata,
    Column("user", ForeignKey("users.user"), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("ends_s", Integer, nullable=False),
)

# In place of a code of the second factor; each works once.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user", ForeignKey("users.user"), primary_key=True),
    Column("hash", String(64), primary_key=True),
)

# What programs read and act with over HTTP; of a secret only its SHA-256 is kept. Rows are never deleted.
tokens = Table(
    "tokens",
    metadata,
    Column("token", Integer, primary_key=True),
    Column("hash", String(64), nullable=False, index=True, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),  # features/users/rules.py
    Column("tenant", Text),  # null: the operator tenant, which sees all
    Column("user", ForeignKey("users.user")),  # who made it; null: the command line
    Column("added_by", Text, nullable=False),
    Column("added_s", Integer, nullable=False),
    Column("ends_s", Integer),  # null: it does not expire
    Column("used_s", Integer),
    Column("revoked_by", Text),
    Column("revoked_s", Integer),
)

# Browsers that have signed in, of a user or with a token; the hash is that of the cookie.
sessions = Table(
    "sessions",
    metadata,
    Column("session", Integer, primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("user", ForeignKey("users.user"), index=True),
    Column("token", ForeignKey("tokens.token")),
    Column("means", String(16), nullable=False),  # features/users/rules.py
    Column("began_s", Integer, nullable=False),
    Column("seen_s", Integer, nullable=False),
    Column("ends_s", Integer, nullable=False),
    Column("address", Text, nullable=False),
    Column("browser", Text, nullable=False),
)

# Requests over HTTP that must not be done twice, for a day (db/idempotency.py).
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("who", Text, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),  # of path and body
    Column("begun_s", Integer, nullable=False, index=True),
    Column("status", Integer),  # of the answer; null: it is under way
    Column("media_type", Text),
    Column("wrapped_answer", LargeBinary),  # db/keys.py
)

# Share links: they show the last position of a trip's container. Rows are never deleted.
share_links = Table(
    "share_links",
    metadata,
    Column("share_link", Integer, primary_key=True),
    Column("hash", String(64), nullable=False, index=True, unique=True),
    Column("trip", ForeignKey("trips.trip"), nullable=False),
    Column("from_s", Integer, nullable=False),
    Column("until_s", Integer, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_s", Integer, nullable=False),
    Column("embedded", Boolean, nullable=False, server_default=false()),
    Column("revoked_by", Text),
    Column("revoked_s", Integer),
)

# All that was published to platforms in addition to points, in this order: `event` names the place in it.
events = Table(
    "events",
    metadata,
    Column("event", Integer, primary_key=True),  # rises; from the clock (db/order.py)
    Column("id", Text, nullable=False, index=True),  # the same when it is published again
    Column("device", ForeignKey("devices.device"), nullable=False),
    Column("type", Text, nullable=False),
    Column("inferred", Boolean, nullable=False),  # by tracking, not reported by the device
    Column("is_current", Boolean, nullable=False),  # the newest under its id, and not retracted
    Column("trip", ForeignKey("trips.trip"), index=True),
    Column("seq", Integer),  # the point that shows it
    Column("at_s", Integer),  # and its time
    Column("published_s", Integer, nullable=False),
    Column("content", Text, nullable=False),  # JSON, docs/reference/event.schema.json
    Column("tenant", Text),  # to which it was published in addition to the operator tenant; null: to none
    Column("replaces", Integer),  # the event that it takes the place of, or takes back
    Column("message", Integer, index=True),  # that it had in the outbox
    sqlite_autoincrement=True,
)
Index("events_by_tenant", events.c.tenant, events.c.event)
Index("events_by_device", events.c.device, events.c.event)
Index("events_by_point", events.c.device, events.c.at_s, events.c.seq)

# Who did what: a row for whatever people have done, on the pages, over the API or by the command.
audit = Table(
    "audit",
    metadata,
    Column("entry", Integer, primary_key=True),
    Column("at_s", Integer, nullable=False, index=True),
    Column("who", Text, nullable=False),
    Column("by_tenant", Text, index=True),  # whose user or token that is; null: the operator tenant's
    Column("device", String(32), index=True),  # null: of no single one
    Column("trip", Integer),  # null: of none
    Column("tenant", Text, index=True),  # whose the row is; null: the operator tenant's
    Column("what", Text),  # in words; null: as the row says
    # The row that was added, changed or removed, and JSON: what it was and is (db/audited.py). Null: of none.
    Column("action", String(8)),
    Column("noun", String(32), index=True),
    Column("subject", Text),
    Column("name", Text),  # what people call the subject; null: as the subject
    Column("before", Text),
    Column("after", Text),
)

# Who acts in the transaction that writes at present, for the triggers on SQLite; never a row after it.
acting = Table(
    "acting",
    metadata,
    Column("who", Text, primary_key=True),
    Column("at_s", Integer, nullable=False),
    Column("by_tenant", Text),
)

# The tracking state before some points (tracking/detect.py): where a pass can begin.
tracking_states = Table(
    "tracking_states",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("at_s", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),  # 0: settled, of no point
    Column("state", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Rows stay, and `removed_s` ends a geofence: what was published stays explicable.
geofences = Table(
    "geofences",
    metadata,
    Column("geofence", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("geometry", Text, nullable=False),  # GeoJSON
    Column("radius_m", Float, nullable=False),
    Column("added_s", Integer, nullable=False),
    Column("removed_s", Integer),
    Column("tenant", Text),  # on whose trips it holds; null: everywhere
)

# Conditions that need attention: raised by an event, acknowledged, cleared. Rows are never deleted.
alarms = Table(
    "alarms",
    metadata,
    Column("alarm", Integer, primary_key=True),  # rises; from the clock: part of events' ids
    Column("device", ForeignKey("devices.device"), nullable=False),
    Column("name", String(16), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("trip", ForeignKey("trips.trip")),
    Column("tenant", Text),
    Column("event", Text, nullable=False, index=True),  # id of the one that raised it
    Column("raised_s", Integer, nullable=False),  # by the time of that event
    Column("last_s", Integer, nullable=False),
    Column("times", Integer, nullable=False),  # events that raised it; 0: not raised yet
    Column("published_s", Integer, nullable=False),  # last, of it or that it is over
    Column("content", Text, nullable=False),  # JSON: of the event that raised it
    Column("acknowledged_by", Text),
    Column("acknowledged_s", Integer),
    Column("note", Text),
    Column("taken_by", Text),  # who has taken it over
    Column("taken_s", Integer),
    Column("cleared_by", Text),
    Column("cleared_s", Integer),  # by the time of the event that cleared it
    Column("cleared_event", Text),  # id of that event; null: no event did
    sqlite_autoincrement=True,
)
Index("alarms_by_device", alarms.c.device, alarms.c.name)
_index_where(alarms.c.cleared_s.is_(None), "open_alarms", alarms.c.severity)

# What people wrote about an alarm. Rows are never deleted.
alarm_comments = Table(
    "alarm_comments",
    metadata,
    Column("comment", Integer, primary_key=True),
    Column("alarm", ForeignKey("alarms.alarm"), nullable=False, index=True),
    Column("written_by", Text, nullable=False),
    Column("written_s", Integer, nullable=False),
    Column("text", Text, nullable=False),
)

# SIM controls (features/sims/controls.py), as set last.
sim_controls = Table(
    "sim_controls",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("content", Text, nullable=False),  # JSON
    Column("set_by", Text, nullable=False),
    Column("set_s", Integer, nullable=False),
)

# The SIM inventory. None is ever removed: a card ends retired.
sim_cards = Table(
    "sim_cards",
    metadata,
    Column("card", Integer, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("controls", ForeignKey("sim_controls.name"), nullable=False),
    Column("stage", String(16), nullable=False),  # features/sims/rules.py, STAGES
    Column("imsis", Text, nullable=False),  # JSON: those its applet may use; []: any
    Column("binding", String(16), nullable=False),  # features/sims/binding.py
    Column("imei", Text, index=True),
    Column("blocked", Text),  # why
)

sim_profiles = Table(
    "sim_profiles",
    metadata,
    Column("iccid", String(20), primary_key=True),
    Column("card", ForeignKey("sim_cards.card"), nullable=False, index=True),
)

# What was done with a card, by whom. Rows are never removed.
sim_actions = Table(
    "sim_actions",
    metadata,
    Column("action", Integer, primary_key=True),
    Column("card", ForeignKey("sim_cards.card"), nullable=False, index=True),
    Column("what", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("done_by", Text, nullable=False),
    Column("done_s", Integer, nullable=False),
)

# Which controls the card of a device has broken at some time, and whether it does.
control_states = Table(
    "control_states",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("control", String(16), primary_key=True),
    Column("broken", Boolean, nullable=False),
    Column("at_s", Integer, nullable=False),  # since when
)

# Where cells were heard: the box around the good fixes of the fleet, or the place in an imported list.
cells = Table(
    "cells",
    metadata,
    Column("plmn", Integer, primary_key=True, autoincrement=False),
    Column("tac", Integer, primary_key=True, autoincrement=False),
    Column("cell", Integer, primary_key=True, autoincrement=False),
    Column("listed", Boolean, primary_key=True),  # from a list, not by the fleet
    Column("south", Integer, nullable=False),  # 1e-5 degrees
    Column("north", Integer, nullable=False),
    Column("west", Integer, nullable=False),
    Column("east", Integer, nullable=False),
    Column("range_m", Integer, nullable=False),  # beyond the box; of the fleet's 0
    sqlite_with_rowid=False,
)
