"""All tables."""

import sqlalchemy as sa
from alembic import op

from landbridge.db import audited

revision = "0001"
down_revision = None

Integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Small = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:  # noqa: PLR0915
    """Apply."""
    op.create_table(
        "audit",
        sa.Column("entry", Integer, nullable=False),
        sa.Column("at_s", Integer, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("by_tenant", sa.Text()),
        sa.Column("device", sa.String(length=32)),
        sa.Column("trip", Integer),
        sa.Column("tenant", sa.Text()),
        sa.Column("what", sa.Text()),
        sa.Column("action", sa.String(length=8)),
        sa.Column("noun", sa.String(length=32)),
        sa.Column("subject", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.PrimaryKeyConstraint("entry"),
    )
    op.create_table(
        "acting",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at_s", Integer, nullable=False),
        sa.Column("by_tenant", sa.Text()),
        sa.PrimaryKeyConstraint("who"),
    )
    op.create_index("ix_audit_at_s", "audit", ["at_s"])
    op.create_index("ix_audit_by_tenant", "audit", ["by_tenant"])
    op.create_index("ix_audit_device", "audit", ["device"])
    op.create_index("ix_audit_noun", "audit", ["noun"])
    op.create_index("ix_audit_tenant", "audit", ["tenant"])
    op.create_table(
        "profile_rollouts",
        sa.Column("rollout", Integer, nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("canaries", Integer, nullable=False),
        sa.Column("stage_s", Integer, nullable=False),
        sa.Column("stage", Integer, nullable=False),
        sa.Column("stage_began_s", Integer, nullable=False),
        sa.Column("halted", sa.Text()),
        sa.Column("forgiven", Integer, nullable=False),
        sa.Column("begun_by", sa.Text(), nullable=False),
        sa.Column("begun_s", Integer, nullable=False),
        sa.PrimaryKeyConstraint("rollout"),
    )
    op.create_table(
        "cells",
        sa.Column("plmn", Integer, autoincrement=False, nullable=False),
        sa.Column("tac", Integer, autoincrement=False, nullable=False),
        sa.Column("cell", Integer, autoincrement=False, nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("south", Integer, nullable=False),
        sa.Column("north", Integer, nullable=False),
        sa.Column("west", Integer, nullable=False),
        sa.Column("east", Integer, nullable=False),
        sa.Column("range_m", Integer, nullable=False),
        sa.PrimaryKeyConstraint("plmn", "tac", "cell", "listed"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sim_controls",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_s", Integer, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "dead_letters",
        sa.Column("number", Integer, nullable=False),
        sa.Column("received_s", Integer, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("dropped", Integer, server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_dead_letters_topic", "dead_letters", ["topic"])
    op.create_table(
        "devices",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_s", Integer, nullable=False),
        sa.Column("retired_s", Integer),
        sa.Column("tags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("next_down_number", Integer, nullable=False),
        sa.Column("window_top", Integer, nullable=False),
        sa.Column("window_bits", Integer, nullable=False),
        sa.Column("forgotten_number", Integer, server_default=sa.text("-1"), nullable=False),
        sa.Column("epoch", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("forged", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("last_session_s", Integer),
        sa.Column("next_session_s", Integer),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("counters", sa.Text(), server_default="{}", nullable=False),
        sa.Column("complete_seq", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("highest_seq", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("position_seq", Integer),
        sa.Column("position_at_s", Integer),
        sa.Column("stationary_until_s", Integer),
        sa.Column("recompute_from_s", Integer),
        sa.Column("silent_due_s", Integer),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_index(
        "devices_to_recompute",
        "devices",
        ["recompute_from_s"],
        sqlite_where=sa.text("recompute_from_s IS NOT NULL"),
        postgresql_where=sa.text("recompute_from_s IS NOT NULL"),
    )
    op.create_table(
        "geofences",
        sa.Column("geofence", Integer, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("geometry", sa.Text(), nullable=False),
        sa.Column("radius_m", sa.Float(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.Column("removed_s", Integer),
        sa.Column("tenant", sa.Text()),
        sa.PrimaryKeyConstraint("geofence"),
    )
    op.create_table(
        "routes",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("stations", sa.Text(), nullable=False),
        sa.Column("places_km", sa.Text(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.PrimaryKeyConstraint("route"),
    )
    op.create_table(
        "outbox",
        sa.Column("message", Integer, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("retain", sa.Boolean(), nullable=False),
        sa.Column("tenant", sa.Text()),
        sa.Column("device", sa.String(length=32)),
        sa.Column("what", sa.String(length=16)),
        sa.PrimaryKeyConstraint("message"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "quarantine",
        sa.Column("entry", Integer, nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("received_s", Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("entry"),
    )
    op.create_index("ix_quarantine_device", "quarantine", ["device"])
    op.create_table(
        "releases",
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("sequence", Integer, autoincrement=False, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("mpy", Integer, nullable=False),
        sa.Column("file_list", sa.LargeBinary(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.PrimaryKeyConstraint("board", "sequence"),
    )
    op.create_table(
        "integrations",
        sa.Column("integration", Integer, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("only_public", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("tenant", sa.Text()),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("wrapped_secret", sa.LargeBinary()),
        sa.Column("wrapped_old_secret", sa.LargeBinary()),
        sa.Column("cursor", Integer, nullable=False),
        sa.Column("replay_to", Integer),
        sa.Column("delivered", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("delivered_s", Integer),
        sa.Column("failure", sa.Text()),
        sa.Column("failed_s", Integer),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.Column("removed_by", sa.Text()),
        sa.Column("removed_s", Integer),
        sa.PrimaryKeyConstraint("integration"),
    )
    op.create_table(
        "users",
        sa.Column("user", Integer, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mail", sa.Text()),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text()),
        sa.Column("password", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("totp", sa.LargeBinary()),
        sa.Column("totp_since_s", Integer),
        sa.Column("totp_step", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.Column("seen_s", Integer),
        sa.Column("disabled_by", sa.Text()),
        sa.Column("disabled_s", Integer),
        sa.Column("ended_by", sa.Text()),
        sa.Column("ended_s", Integer),
        sa.PrimaryKeyConstraint("user"),
        sa.UniqueConstraint("subject"),
    )
    op.create_index(
        "users_by_name",
        "users",
        ["name"],
        unique=True,
        sqlite_where=sa.text("ended_s IS NULL"),
        postgresql_where=sa.text("ended_s IS NULL"),
    )
    op.create_table(
        "invitations",
        sa.Column("user", Integer, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("ends_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.user"]),
        sa.PrimaryKeyConstraint("user"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user", Integer, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.user"]),
        sa.PrimaryKeyConstraint("user", "hash"),
    )
    op.create_table(
        "tokens",
        sa.Column("token", Integer, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text()),
        sa.Column("user", Integer),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.Column("ends_s", Integer),
        sa.Column("used_s", Integer),
        sa.Column("revoked_by", sa.Text()),
        sa.Column("revoked_s", Integer),
        sa.ForeignKeyConstraint(["user"], ["users.user"]),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index("ix_tokens_hash", "tokens", ["hash"], unique=True)
    op.create_table(
        "tracks",
        sa.Column("message", Integer, autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("sequences", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("message"),
    )
    op.create_index("tracks_by_tenant", "tracks", ["tenant", "message"])
    op.create_table(
        "profile_switches",
        sa.Column("event", Integer, nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("at_s", sa.BigInteger(), nullable=False),
        sa.Column("before", Integer, nullable=False),
        sa.Column("after", Integer, nullable=False),
        sa.Column("outcome", Integer, nullable=False),
        sa.Column("cause", Integer, nullable=False),
        sa.Column("revision", Integer, nullable=False),
        sa.Column("received_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("event"),
    )
    op.create_index("ix_profile_switches_device", "profile_switches", ["device"])
    op.create_table(
        "sim_identities",
        sa.Column("identity", Integer, nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("imei", sa.Text(), nullable=False),
        sa.Column("iccid", sa.Text(), nullable=False),
        sa.Column("imsi", sa.Text(), nullable=False),
        sa.Column("seen_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("identity"),
    )
    op.create_index("ix_sim_identities_device", "sim_identities", ["device"])
    op.create_index("ix_sim_identities_iccid", "sim_identities", ["iccid"])
    op.create_table(
        "euicc_notifications",
        sa.Column("notification", Integer, nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("seq", Integer, nullable=False),
        sa.Column("operation", Integer, nullable=False),
        sa.Column("iccid", sa.Text(), nullable=False),
        sa.Column("total", Integer, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("received_s", Integer, nullable=False),
        sa.Column("eid", sa.String(length=32)),
        sa.Column("next_s", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("tries", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("failure", sa.Text()),
        sa.Column("posted_s", Integer),
        sa.Column("wants_whole", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("removed_s", Integer),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("notification"),
    )
    op.create_index("ix_euicc_notifications_device", "euicc_notifications", ["device"])
    op.create_index(
        "euicc_notifications_to_post",
        "euicc_notifications",
        ["next_s"],
        sqlite_where=sa.text("posted_s IS NULL"),
        postgresql_where=sa.text("posted_s IS NULL"),
    )
    op.create_index(
        "euicc_notifications_to_remove",
        "euicc_notifications",
        ["device"],
        sqlite_where=sa.text("removed_s IS NULL"),
        postgresql_where=sa.text("removed_s IS NULL"),
    )
    op.create_table(
        "euicc_certificates",
        sa.Column("eid", sa.String(length=32), nullable=False),
        sa.Column("euicc", sa.LargeBinary(), nullable=False),
        sa.Column("maker", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("eid"),
    )
    op.create_table(
        "esim_reports",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("revision", Integer, nullable=False),
        sa.Column("route", Integer, nullable=False),
        sa.Column("eid", sa.String(length=32), nullable=False),
        sa.Column("used", Integer, nullable=False),
        sa.Column("stage", Integer, nullable=False),
        sa.Column("profiles", sa.Text(), nullable=False),
        sa.Column("month", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("used_kb", sa.Text(), server_default="[]", nullable=False),
        sa.Column("reported_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_table(
        "control_states",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("control", sa.String(length=16), nullable=False),
        sa.Column("broken", sa.Boolean(), nullable=False),
        sa.Column("at_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device", "control"),
    )
    op.create_table(
        "coverage",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("tile", Integer, autoincrement=False, nullable=False),
        sa.Column("plmn", Integer, autoincrement=False, nullable=False),
        sa.Column("observations", Integer, nullable=False),
        sa.Column("good", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["route"],
            ["routes.route"],
        ),
        sa.PrimaryKeyConstraint("route", "tile", "plmn"),
    )
    op.create_table(
        "device_log",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("boot", Integer, autoincrement=False, nullable=False),
        sa.Column("clock_s", Integer, autoincrement=False, nullable=False),
        sa.Column("kind", Integer, autoincrement=False, nullable=False),
        sa.Column("value", Integer, autoincrement=False, nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("at_s", Integer),
        sa.Column("received_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device", "boot", "clock_s", "kind", "value"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "device_releases",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("running", Integer, nullable=False),
        sa.Column("on_trial", sa.Boolean(), nullable=False),
        sa.Column("reported_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_index("ix_device_releases_board", "device_releases", ["board"])
    op.create_table(
        "gone",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("low", Integer, autoincrement=False, nullable=False),
        sa.Column("high", Integer, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device", "low", "high"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "route_data_reports",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("in_use", Integer, nullable=False),
        sa.Column("coming", Integer, nullable=False),
        sa.Column("offset", Integer, nullable=False),
        sa.Column("attempts", Integer, nullable=False),
        sa.Column("reported_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_table(
        "tracking_states",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("at_s", Integer, autoincrement=False, nullable=False),
        sa.Column("seq", Integer, autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device", "at_s", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "network_costs",
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("plmn", Integer, autoincrement=False, nullable=False),
        sa.Column("percent", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["route"],
            ["routes.route"],
        ),
        sa.PrimaryKeyConstraint("route", "plmn"),
    )
    op.create_table(
        "device_updates",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("sequence", Integer, autoincrement=False, nullable=False),
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("assigned_s", Integer, nullable=False),
        sa.Column("pulls", Integer, nullable=False),
        sa.Column("file", Integer, nullable=False),
        sa.Column("byte", Integer, nullable=False),
        sa.Column("ended", sa.String(length=32)),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device", "sequence"),
    )
    op.create_table(
        "delivery_retries",
        sa.Column("integration", Integer, nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("message", Integer, nullable=False),
        sa.Column("attempts", Integer, nullable=False),
        sa.Column("next_s", Integer, nullable=False),
        sa.Column("failure", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["integration"],
            ["integrations.integration"],
        ),
        sa.PrimaryKeyConstraint("integration", "device"),
    )
    op.create_table(
        "notification_channels",
        sa.Column("channel", Integer, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("wrapped_address", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text()),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("cursor", Integer, nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.Column("removed_by", sa.Text()),
        sa.Column("removed_s", Integer),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.create_table(
        "report_schedules",
        sa.Column("schedule", Integer, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("mailbox", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("every", sa.String(length=8), nullable=False),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("tenant", sa.Text()),
        sa.Column("next_s", Integer, nullable=False),
        sa.Column("try_s", Integer, nullable=False),
        sa.Column("attempts", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("answered_s", Integer),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.Column("removed_s", Integer),
        sa.PrimaryKeyConstraint("schedule"),
    )
    op.create_table(
        "notification_rules",
        sa.Column("channel", Integer, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("place", Integer, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["channel"],
            ["notification_channels.channel"],
        ),
        sa.PrimaryKeyConstraint("channel", "name"),
    )
    op.create_table(
        "notifications",
        sa.Column("notification", Integer, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", Integer, nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("alarm", Integer),
        sa.Column("device", sa.String(length=32)),
        sa.Column("tenant", sa.Text()),
        sa.Column("rule", sa.String(length=32), nullable=False),
        sa.Column("is_digest", sa.Boolean(), nullable=False),
        sa.Column("most_a_week", Integer),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("made_s", Integer, nullable=False),
        sa.Column("due_s", Integer, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("message", Integer),
        sa.Column("lease_until_s", Integer),
        sa.Column("attempts", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.Column("answered_s", Integer),
        sa.ForeignKeyConstraint(
            ["channel"],
            ["notification_channels.channel"],
        ),
        sa.PrimaryKeyConstraint("notification"),
        sa.UniqueConstraint("id"),
    )
    op.create_index("ix_notifications_event", "notifications", ["event"])
    op.create_index("ix_notifications_alarm", "notifications", ["alarm"])
    op.create_index(
        "notifications_open",
        "notifications",
        ["channel", "due_s"],
        sqlite_where=sa.text("state IN ('waiting', 'sending')"),
        postgresql_where=sa.text("state IN ('waiting', 'sending')"),
    )
    op.create_index("notifications_by_device", "notifications", ["channel", "device", "answered_s"])
    op.create_table(
        "release_files",
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("sequence", Integer, autoincrement=False, nullable=False),
        sa.Column("file", Integer, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["board", "sequence"],
            ["releases.board", "releases.sequence"],
        ),
        sa.PrimaryKeyConstraint("board", "sequence", "file"),
    )
    op.create_table(
        "rollouts",
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("sequence", Integer, autoincrement=False, nullable=False),
        sa.Column("canaries", Integer, nullable=False),
        sa.Column("stage_s", Integer, nullable=False),
        sa.Column("stage", Integer, nullable=False),
        sa.Column("stage_began_s", Integer, nullable=False),
        sa.Column("halted", sa.Text()),
        sa.Column("forgiven", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["board", "sequence"],
            ["releases.board", "releases.sequence"],
        ),
        sa.PrimaryKeyConstraint("board", "sequence"),
    )
    op.create_table(
        "sessions",
        sa.Column("session", Integer, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("user", Integer),
        sa.Column("token", Integer),
        sa.Column("means", sa.String(length=16), nullable=False),
        sa.Column("began_s", Integer, nullable=False),
        sa.Column("seen_s", Integer, nullable=False),
        sa.Column("ends_s", Integer, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.user"]),
        sa.ForeignKeyConstraint(["token"], ["tokens.token"]),
        sa.PrimaryKeyConstraint("session"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"])
    op.create_table(
        "setting_reports",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("revision", Integer, nullable=False),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("source", Integer, nullable=False),
        sa.Column("refused", Integer, nullable=False),
        sa.Column("why", Integer, nullable=False),
        sa.Column("reported_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device"),
    )
    op.create_table(
        "sim_cards",
        sa.Column("card", Integer, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("controls", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("imsis", sa.Text(), nullable=False),
        sa.Column("binding", sa.String(length=16), nullable=False),
        sa.Column("imei", sa.Text()),
        sa.Column("blocked", sa.Text()),
        sa.ForeignKeyConstraint(
            ["controls"],
            ["sim_controls.name"],
        ),
        sa.PrimaryKeyConstraint("card"),
    )
    op.create_index("ix_sim_cards_imei", "sim_cards", ["imei"])
    op.create_table(
        "trips",
        sa.Column("trip", Integer, nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("container", sa.String(length=11), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("interval_s", Integer, nullable=False),
        sa.Column("started_s", Integer, nullable=False),
        sa.Column("ended_s", Integer),
        sa.Column("tenant", sa.Text()),
        sa.Column("by_arrival", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("customer", sa.Text(), server_default="{}", nullable=False),
        sa.Column("tags", sa.Text(), server_default="[]", nullable=False),
        sa.Column("planned_s", Integer),
        sa.Column("eta_s", Integer),
        sa.Column("expected", sa.Text()),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("trip"),
    )
    op.create_index("ix_trips_device", "trips", ["device"])
    op.create_table(
        "uplinks",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("number", Integer, autoincrement=False, nullable=False),
        sa.Column("received_s", Integer, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("bytes", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("records", Integer, nullable=False),
        sa.Column("new_records", Integer, nullable=False),
        sa.Column("repeats", Integer, server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "wakes",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("boot", Integer, autoincrement=False, nullable=False),
        sa.Column("clock_min", Integer, autoincrement=False, nullable=False),
        sa.Column("at_s", Integer, nullable=False),
        sa.Column("did", Integer, nullable=False),
        sa.Column("rest", Integer, nullable=False),
        sa.Column("joules", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("device", "boot", "clock_min"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "alarms",
        sa.Column("alarm", Integer, nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("trip", Integer),
        sa.Column("tenant", sa.Text()),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("raised_s", Integer, nullable=False),
        sa.Column("last_s", Integer, nullable=False),
        sa.Column("times", Integer, nullable=False),
        sa.Column("published_s", Integer, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("acknowledged_s", Integer),
        sa.Column("note", sa.Text()),
        sa.Column("taken_by", sa.Text()),
        sa.Column("taken_s", Integer),
        sa.Column("cleared_by", sa.Text()),
        sa.Column("cleared_s", Integer),
        sa.Column("cleared_event", sa.Text()),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("alarm"),
        sqlite_autoincrement=True,
    )
    op.create_index("alarms_by_device", "alarms", ["device", "name"])
    op.create_index(
        "open_alarms",
        "alarms",
        ["severity"],
        sqlite_where=sa.text("cleared_s IS NULL"),
        postgresql_where=sa.text("cleared_s IS NULL"),
    )
    op.create_index("ix_alarms_event", "alarms", ["event"])
    op.create_table(
        "alarm_comments",
        sa.Column("comment", Integer, nullable=False),
        sa.Column("alarm", Integer, nullable=False),
        sa.Column("written_by", sa.Text(), nullable=False),
        sa.Column("written_s", Integer, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["alarm"],
            ["alarms.alarm"],
        ),
        sa.PrimaryKeyConstraint("comment"),
    )
    op.create_index("ix_alarm_comments_alarm", "alarm_comments", ["alarm"])
    op.create_table(
        "sim_actions",
        sa.Column("action", Integer, nullable=False),
        sa.Column("card", Integer, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("done_by", sa.Text(), nullable=False),
        sa.Column("done_s", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["card"],
            ["sim_cards.card"],
        ),
        sa.PrimaryKeyConstraint("action"),
    )
    op.create_index("ix_sim_actions_card", "sim_actions", ["card"])
    op.create_table(
        "profile_policies",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("revision", Integer, autoincrement=False, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_s", Integer, nullable=False),
        sa.Column("trip", Integer),
        sa.Column("lasting", sa.Text()),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("device", "revision"),
    )
    op.create_table(
        "profile_rollout_devices",
        sa.Column("rollout", Integer, nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("revision", Integer, nullable=False),
        sa.Column("ended", sa.Text()),
        sa.Column("trip", Integer),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.ForeignKeyConstraint(
            ["rollout"],
            ["profile_rollouts.rollout"],
        ),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("rollout", "device"),
    )
    op.create_table(
        "saved_views",
        sa.Column("view", Integer, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("view"),
    )
    op.create_index("ix_saved_views_owner", "saved_views", ["owner"])
    op.create_table(
        "commands",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("command", Integer, autoincrement=False, nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("argument", Integer, nullable=False),
        sa.Column("expires_s", Integer, nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("given_s", Integer, nullable=False),
        sa.Column("sent_s", Integer),
        sa.Column("cancelled_by", sa.Text()),
        sa.Column("cancelled_s", Integer),
        sa.Column("result", Integer),
        sa.Column("result_s", Integer),
        sa.Column("trip", Integer),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("device", "command"),
    )
    op.create_table(
        "events",
        sa.Column("event", Integer, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("inferred", sa.Boolean(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("trip", Integer),
        sa.Column("seq", Integer),
        sa.Column("at_s", Integer),
        sa.Column("published_s", Integer, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text()),
        sa.Column("replaces", Integer),
        sa.Column("message", Integer),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("event"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_device", "events", ["device", "event"])
    op.create_index("events_by_point", "events", ["device", "at_s", "seq"])
    op.create_index("events_by_tenant", "events", ["tenant", "event"])
    op.create_index("ix_events_id", "events", ["id"])
    op.create_index("ix_events_message", "events", ["message"])
    op.create_index("ix_events_trip", "events", ["trip"])
    op.create_table(
        "route_data",
        sa.Column("trip", Integer, nullable=False),
        sa.Column("revision", Integer, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("trip"),
    )
    op.create_table(
        "points",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("seq", Integer, autoincrement=False, nullable=False),
        sa.Column("time", Integer, nullable=False),
        sa.Column("kind", Small, nullable=False),
        sa.Column("quality", Small, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("lat", sa.Integer()),
        sa.Column("lon", sa.Integer()),
        sa.Column("alt", Small),
        sa.Column("speed", Small),
        sa.Column("heading", Small),
        sa.Column("hdop", Small),
        sa.Column("sats", Small),
        sa.Column("battery", Small, nullable=False),
        sa.Column("temperature", Small, nullable=False),
        sa.Column("plmn", Integer, nullable=False),
        sa.Column("tac", sa.Integer()),
        sa.Column("cell", Integer),
        sa.Column("rsrp", Small),
        sa.Column("motion", Small, nullable=False),
        sa.Column("at_s", Integer),
        sa.Column("dated", sa.Boolean(), nullable=False),
        sa.Column("flags", Integer, nullable=False),
        sa.Column("received_s", Integer, nullable=False),
        sa.Column("trip", Integer),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("device", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "points_by_power_on",
        "points",
        ["boot"],
        sqlite_where=sa.text("quality = 0"),
        postgresql_where=sa.text("quality = 0"),
    )
    op.create_table(
        "settings",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("revision", Integer, autoincrement=False, nullable=False),
        sa.Column("changes", sa.Text(), nullable=False),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("set_s", Integer, nullable=False),
        sa.Column("trip", Integer),
        sa.Column("lasting", sa.Text()),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("device", "revision"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("begun_s", Integer, nullable=False),
        sa.Column("status", Integer),
        sa.Column("media_type", sa.Text()),
        sa.Column("wrapped_answer", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("who", "key"),
    )
    op.create_index("ix_idempotency_keys_begun_s", "idempotency_keys", ["begun_s"])
    op.create_table(
        "share_links",
        sa.Column("share_link", Integer, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("trip", Integer, nullable=False),
        sa.Column("from_s", Integer, nullable=False),
        sa.Column("until_s", Integer, nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_s", Integer, nullable=False),
        sa.Column("embedded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("revoked_by", sa.Text()),
        sa.Column("revoked_s", Integer),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("share_link"),
    )
    op.create_index("ix_share_links_hash", "share_links", ["hash"], unique=True)
    op.create_table(
        "sim_profiles",
        sa.Column("iccid", sa.String(length=20), nullable=False),
        sa.Column("card", Integer, nullable=False),
        sa.ForeignKeyConstraint(
            ["card"],
            ["sim_cards.card"],
        ),
        sa.PrimaryKeyConstraint("iccid"),
    )
    op.create_index("ix_sim_profiles_card", "sim_profiles", ["card"])
    op.create_table(
        "downloads",
        sa.Column("download", Integer, nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("trip", Integer),
        sa.Column("task", sa.String(length=16), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("wrapped_code", sa.LargeBinary()),
        sa.Column("then_enable", sa.Boolean(), nullable=False),
        sa.Column("ordered_by", sa.Text(), nullable=False),
        sa.Column("ordered_s", Integer, nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("changed_s", Integer, nullable=False),
        sa.Column("step", Integer, nullable=False),
        sa.Column("answered", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("next_s", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("wrapped_request", sa.LargeBinary()),
        sa.Column("wrapped_answer", sa.LargeBinary()),
        sa.Column("wrapped_session", sa.LargeBinary()),
        sa.Column("wrapped_package", sa.LargeBinary()),
        sa.Column("package_bytes", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("package_digest", sa.LargeBinary()),
        sa.Column("segments", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("pulled", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("sessions", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("loads", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("failures", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("postponed", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("reason", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("eid", sa.String(length=32)),
        sa.Column("iccid", sa.String(length=20)),
        sa.Column("free_bytes", Integer),
        sa.Column("profile", sa.Text()),
        sa.Column("provider", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("refusal", sa.Text()),
        sa.Column("outcome", sa.String(length=16)),
        sa.Column("ended_s", Integer),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.ForeignKeyConstraint(
            ["trip"],
            ["trips.trip"],
        ),
        sa.PrimaryKeyConstraint("download"),
    )
    op.create_index("ix_downloads_device", "downloads", ["device"])
    op.create_index(
        "downloads_open",
        "downloads",
        ["device"],
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_table(
        "eim",
        sa.Column("eim_id", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("made_s", Integer, nullable=False),
        sa.PrimaryKeyConstraint("eim_id"),
    )
    op.create_table(
        "euiccs",
        sa.Column("eid", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("iot", sa.Boolean(), nullable=False),
        sa.Column("reported_s", Integer, nullable=False),
        sa.Column("proved_s", Integer),
        sa.Column("eim_id", sa.Text()),
        sa.Column("token", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("counter", Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("profiles", sa.Text()),
        sa.ForeignKeyConstraint(
            ["device"],
            ["devices.device"],
        ),
        sa.PrimaryKeyConstraint("eid"),
    )
    op.create_index("ix_euiccs_device", "euiccs", ["device"])

    if op.get_bind().dialect.name == "postgresql":
        # To look up the device and the trip of each row costs more than to store it (db/tables.py).
        for table, name in (("points", "device"), ("points", "trip"), ("uplinks", "device")):
            op.drop_constraint(f"{table}_{name}_fkey", table, type_="foreignkey")

    audited.create(op.get_bind())
