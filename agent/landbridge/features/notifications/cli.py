"""`landbridge notifications`: channels, rules, tests and the log of deliveries."""

from typing import Any

import typer

from landbridge.core import table
from landbridge.core.clock import iso
from landbridge.core.given import given
from landbridge.db import order
from landbridge.db.opened import LARGEST, command_user, opened
from landbridge.features.notifications import channels, planning
from landbridge.features.notifications import queries as stored
from landbridge.features.notifications.rules import Rule, duration_s

commands = typer.Typer(
    help="Notify people by e-mail, chat and SMS: channels, rules, log",
    epilog="A channel is one recipient; its rules say which alarms it gets and when.",
)
_NAME = typer.Argument(help="Name of the channel.")
_KIND = typer.Option(
    [], help="Alarm or event, for example light or arrival; repeatable. Default: every alarm."
)
_OWNER = typer.Option(
    None, "--tenant", help="Its tenant, or operator; needed if the name exists more than once."
)
_OWNER_OF_RULE = typer.Option(
    None, "--owner", help="Tenant of the channel, or operator; needed if the name exists more than once."
)
_RULE = typer.Argument(help="Name of the rule.")


@commands.command()
def add(
    name: str = _NAME,
    address: str = typer.Argument(help="mailto:<address>, or the URL of a service that Apprise knows."),
    language: str = typer.Option("en", help="Language of the messages."),
    zone: str = typer.Option("UTC", help="Time zone of quiet hours and digests."),
    tenant: str | None = typer.Option(None, help="Only events from trips of this tenant."),
) -> None:
    """Add a channel: critical alarms at once, major ones weekly

    \b
    Examples:
      landbridge notifications add dispatch mailto:dispatch@example.org --zone Europe/Berlin
      landbridge notifications add room wecombot://<key> --language zh --zone Asia/Shanghai
    """
    with opened(make=True) as it, it.database.writing() as connection:
        now_s = it.clock.now_s()
        found = channels.add(
            connection, it.keyring, name, address, language, zone, tenant, command_user(), now_s
        )
    print(f"channel {name} is added: {found.service}; `landbridge notifications test {name}` sends a test")


@commands.command("list")
def list_channels() -> None:
    """List channels

    \b
    Example:
      landbridge notifications list
    """
    with opened() as it, it.database.reading() as connection:
        found = stored.channels(connection)
    table.show(
        ("name", "service", "tenant", "language", "zone", "state"),
        (
            (each.name, each.service, each.tenant, each.language, each.zone,
             "paused" if each.paused else "active")
            for each in found
        ),
    )  # fmt: skip


@commands.command()
def edit(
    name: str = _NAME,
    address: str | None = typer.Option(
        None, help="Its new address: mailto:<address>, or the URL of a service."
    ),
    language: str | None = typer.Option(None, help="Language of the messages."),
    zone: str | None = typer.Option(None, help="Time zone of quiet hours and digests."),
    tenant: str | None = _OWNER,
) -> None:
    """Change the address, language or time zone of a channel

    Its rules stay.

    \b
    Examples:
      landbridge notifications edit dispatch --address mailto:night@example.org
      landbridge notifications edit dispatch --language zh --zone Asia/Shanghai
    """
    _change(name, tenant, **given(address=address, language=language, zone=zone))
    print(f"channel {name} is changed")


@commands.command()
def pause(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Pause a channel: notifications wait, and go after `resume`

    \b
    Example:
      landbridge notifications pause dispatch
    """
    _change(name, tenant, paused=True)
    print(f"channel {name} is paused; `landbridge notifications resume {name}` resumes it")


@commands.command()
def resume(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Resume a paused channel

    Waiting notifications are sent if they still matter.

    \b
    Example:
      landbridge notifications resume dispatch
    """
    _change(name, tenant, paused=False)
    print(f"channel {name} is resumed")


def _change(name: str, tenant: str | None, **changes: Any) -> None:
    with opened() as it, it.database.writing() as connection:
        channels.change(connection, it.keyring, channels.known(connection, name, tenant), changes)


@commands.command()
def remove(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Remove a channel and its waiting notifications

    \b
    Example:
      landbridge notifications remove dispatch
    """
    with opened() as it, it.database.writing() as connection:
        channels.remove(connection, name, command_user(), it.clock.now_s(), tenant)
    print(f"channel {name} is removed")


@commands.command()
def rules(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """List the rules of a channel; the first that fits applies

    \b
    Example:
      landbridge notifications rules dispatch
    """
    with opened() as it, it.database.reading() as connection:
        number = channels.known(connection, name, tenant).channel
        found = [planning.rule_of(each) for each in stored.rules(connection, number)]
    heads = ("rule", "kinds", "severity", "tenant", "tag", "route", "after s", "quiet", "digest", "a week",
             "escalates")  # fmt: skip
    table.show(heads, map(_row, found))


def _row(rule: Rule) -> tuple[Any, ...]:
    escalates = None if rule.escalate_to is None else f"{rule.escalate_s} s to {rule.escalate_to}"
    kinds = " ".join(rule.kinds) or None
    return (rule.name, kinds, rule.severity, rule.tenant, rule.tag, rule.route, rule.least_s or None,
            rule.quiet, rule.digest, rule.most_a_week, escalates)  # fmt: skip


@commands.command("set-rule")
def set_rule(
    name: str = _NAME,
    rule: str = _RULE,
    kind: list[str] = _KIND,
    severity: str = typer.Option("warning", help="Minimum severity: warning, minor, major or critical."),
    tenant: str | None = typer.Option(None, help="Only trips of this tenant."),
    tag: str | None = typer.Option(None, help="Only trips with this tag."),
    route: str | None = typer.Option(None, help="Only trips on this route."),
    after: str | None = typer.Option(None, help="Minimum duration, for example 30m."),
    quiet: str | None = typer.Option(None, help="Quiet hours, for example 22:00-06:00."),
    digest: str | None = typer.Option(None, help="Sent together: hour, day or week."),
    weekly: int | None = typer.Option(
        None, min=1, max=1000, help="Maximum number of messages per container per week."
    ),
    escalate: str | None = typer.Option(
        None, help="Escalate if not acknowledged within this time, for example 30m."
    ),
    to: str | None = typer.Option(None, help="Channel to escalate to."),
    first: bool = typer.Option(False, "--first", help="Put it before the other rules; default: after them."),
    owner: str | None = _OWNER_OF_RULE,
) -> None:
    """Add or replace a rule: it becomes the last, with --first the first

    \b
    Examples:
      landbridge notifications set-rule dispatch doors --kind light --quiet 22:00-06:00 --first
      landbridge notifications set-rule dispatch critical --severity critical --escalate 30m --to manager
    """
    made = Rule(rule, tuple(kind), severity, tenant, tag, route, duration_s(after) or 0, quiet, digest,
                weekly, duration_s(escalate), to)  # fmt: skip
    with opened() as it, it.database.writing() as connection:
        channels.set_rule(connection, name, made, first, command_user(), it.clock.now_s(), owner)
    print(f"rule {rule} of {name} is set")


@commands.command("remove-rule")
def remove_rule(name: str = _NAME, rule: str = _RULE, tenant: str | None = _OWNER) -> None:
    """Remove a rule of a channel

    \b
    Example:
      landbridge notifications remove-rule dispatch important
    """
    with opened() as it, it.database.writing() as connection:
        channels.remove_rule(connection, name, rule, command_user(), it.clock.now_s(), tenant)
    print(f"rule {rule} of {name} is removed")


@commands.command()
def test(name: str = _NAME, tenant: str | None = _OWNER) -> None:
    """Let the running agent send a test; `log` shows the result

    \b
    Example:
      landbridge notifications test dispatch
    """
    with opened() as it, it.database.writing() as connection:
        channels.test(connection, name, tenant, command_user(), it.clock.now_s())
    print("test queued: `landbridge notifications log` shows the result")


@commands.command()
def log(limit: int = typer.Option(50, min=1, max=LARGEST, help="Maximum number of rows.")) -> None:
    """List notifications and the answer of the mail, chat or SMS service

    \b
    Example:
      landbridge notifications log
    """
    with opened() as it, it.database.reading() as connection:
        rows = stored.log(connection, None, order.HIGHEST, limit)
    table.show(
        ("notification", "channel", "event", "rule", "due", "state", "attempts", "answer", "at"),
        (
            (row.notification, row.channel_name, row.event, row.rule, iso(row.due_s), row.state, row.attempts,
             row.answer, iso(row.answered_s))
            for row in rows
        ),
    )  # fmt: skip
