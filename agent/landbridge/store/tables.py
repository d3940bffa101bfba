"""The tables. `migrations/` makes them; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

from landbridge.wire.diagnostics import Entry
from landbridge.wire.point import CELL_FIELDS, POSITION_FIELDS, Point

metadata = MetaData()

devices = Table(
    "devices",
    metadata,
    Column("device", String(32), primary_key=True),
    Column("wrapped_key", LargeBinary, nullable=False),  # store/keys.py
    Column("created_s", Integer, nullable=False),
    Column("next_down_number", Integer, nullable=False, default=0),
    # Replay window: the highest number seen, and which of the 63 before it (bit 0 = top - 1).
    Column("window_top", Integer, nullable=False, default=-1),
    Column("window_bits", Integer, nullable=False, default=0),
    Column("last_contact_s", Integer),
    Column("next_contact_s", Integer),
    Column("status", Text, nullable=False, default="{}"),  # JSON, as in wire/uplink.py
    Column("identity", Text, nullable=False, default="{}"),
    Column("counters", Text, nullable=False, server_default="{}"),  # JSON, as in wire/diagnostics.py
    Column("complete_seq", Integer, nullable=False, server_default=text("0")),  # nothing is missing up to it
    # The latest position: the good fix with the greatest time, whenever it came in.
    Column("position_seq", Integer),
    Column("position_at_s", Integer),
)

trips = Table(
    "trips",
    metadata,
    Column("trip", Integer, primary_key=True),
    Column("device", ForeignKey("devices.device"), nullable=False, index=True),
    Column("container", String(11), nullable=False),
    Column("line", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("interval_s", Integer, nullable=False),
    Column("started_s", Integer, nullable=False),
    Column("ended_s", Integer),
)

points = Table(
    "points",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    # The record as the device made it, units and names of wire/point.py.
    Column("seq", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Integer, nullable=name in (*POSITION_FIELDS, *CELL_FIELDS)) for name in Point._fields[1:]),
    Column("at_s", Integer),  # when it was taken; null: not known (yet)
    Column("dated", Boolean, nullable=False),  # at_s comes from the clock of a later uplink
    Column("flags", Integer, nullable=False),  # doubts about it, ingest/judge.py
    Column("received_s", Integer, nullable=False),
    Column("trip", ForeignKey("trips.trip")),
    # The rows lie in the order they are read; half the size of a table with an index.
    sqlite_with_rowid=False,
)
# Those that the clock of an uplink dates. With the device in it, SQLite prefers the primary key,
# which is in the index anyway.
Index("points_by_power_on", points.c.boot, sqlite_where=points.c.quality == 0)

uplinks = Table(
    "uplinks",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("received_s", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # the envelope, byte for byte
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
    # An entry as the device made it (wire/diagnostics.py); the same one may come again.
    Column("device", ForeignKey("devices.device"), primary_key=True),
    *(Column(name, Integer, primary_key=True, autoincrement=False) for name in Entry._fields[:-1]),
    Column("text", Text),
    Column("at_s", Integer),  # null: not known
    Column("received_s", Integer, nullable=False),
    sqlite_with_rowid=False,
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("letter", Integer, primary_key=True),
    Column("received_s", Integer, nullable=False),
    Column("topic", Text, nullable=False, index=True),
    Column("payload", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    # Older letters of the topic that were removed when this one came.
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
    Column("message", Integer, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("retain", Boolean, nullable=False),
    sqlite_autoincrement=True,  # ids are never used again: they name what was published
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
)

# What a device said last (wire/settings.py, Report).
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

# A row a command, with who and when of each step: none is ever removed.
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
    Column("result", Integer),  # wire/commands.py, RESULTS
    Column("result_s", Integer),
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
    Column("stage", Integer, nullable=False),  # 0: the canaries, fleet/rollout.py
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

offers = Table(
    "offers",
    metadata,
    Column("device", ForeignKey("devices.device"), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("board", String(32), nullable=False),
    Column("offered_s", Integer, nullable=False),
    Column("pulls", Integer, nullable=False),  # pieces asked for
    Column("file", Integer, nullable=False),  # where the last one began
    Column("byte", Integer, nullable=False),
    Column("ended", String(32)),  # "running", or why it failed; null: not yet
)
