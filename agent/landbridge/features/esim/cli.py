"""`landbridge esim`: manage eSIM profiles, policies and profile switches."""

import base64
import json
from pathlib import Path
from typing import Any

import typer
from sqlalchemy import Row

from landbridge.core import files, stages, table
from landbridge.core.clock import iso
from landbridge.core.errors import UserError
from landbridge.core.texts import _, loaded
from landbridge.core.texts import stored as stored_text
from landbridge.db.opened import LARGEST, command_user, opened
from landbridge.features.devices import queries as devices
from landbridge.features.devices.queries import known_device
from landbridge.features.downloads import queries as downloads
from landbridge.features.esim import coding as wire
from landbridge.features.esim import handler as fleet
from landbridge.features.esim import policy as policies
from landbridge.features.esim import rollout as card_rollout
from landbridge.features.esim.assign import assign, has
from landbridge.features.esim.coding import Policy
from landbridge.features.esim.queries import notifications as kept
from landbridge.features.esim.queries import policies as stored
from landbridge.features.esim.queries import rollouts
from landbridge.protocol import uplink

commands = typer.Typer(help="Manage eSIM profiles, policies and profile switches")
_DAY_S = 86_400
_DEVICE = typer.Argument(help="Device id.")
_FILE = typer.Argument(help="Policy file (TOML).")
_SAVE = typer.Option(None, help="Write complete notifications to this folder.")
_DEVICES = typer.Argument(None, metavar="[DEVICE...]", help="Device ids.")
_POLICY_HELP = """Set the profile policy of devices

\b
Examples:
  landbridge esim set-policy europe.toml lb-0001 lb-0002
  landbridge esim set-policy europe.toml --all --most 5
  landbridge esim set-policy europe.toml --tag frozen

--most limits the assignment to so many devices that do not have the policy yet; repeat the command for
the next ones.

\b
Policy file:
""" + "\n".join(f"  {line}" for line in (policies.__doc__ or "").partition("\n\n")[2].splitlines())


@commands.command("list")
def list_cards() -> None:
    """List devices with their card and policy state

    \b
    Example:
      landbridge esim list
    """
    with opened() as it, it.database.reading() as connection:
        rows = []
        for device in devices.every(connection):
            identity = json.loads(device.identity)
            said = stored.report(connection, device.device)
            state = fleet.state(connection, device.device)
            eid = said.eid if said else None
            rows.append((device.device, eid or None, identity.get("iccid"), identity.get("imsi"), state))
    table.show(("device", "EID", "ICCID", "IMSI", "profile"), rows)


@commands.command()
def show(device: str = _DEVICE) -> None:
    """Show a device's card identity, policy, desired and reported state

    Shows the profiles of the policy, too.

    \b
    Example:
      landbridge esim show lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        row = known_device(connection, device)
        desired, said = stored.desired(connection, device), stored.report(connection, device)
        state = fleet.state(connection, device)
        free = downloads.free_bytes(connection, device, said.eid if said else None)
    identity = json.loads(row.identity)
    table.show_one(
        {
            "IMEI": identity.get("imei"),
            "EID": (said.eid if said else None) or None,
            "ICCID": identity.get("iccid"),
            "IMSI": identity.get("imsi"),
            "voice and SMS": uplink.services(identity),
            "route to the card": said and wire.ROUTES[said.route],
            "free memory": None if free is None else f"{free / 1_000:.1f} kB",
            "desired": desired and f"{desired.profile}, revision {desired.revision} by {desired.set_by}",
            "state": state,
            "reported": iso(said.reported_s) if said else None,
        }
    )
    if desired:
        print()
        _show_profiles(desired.policy, said)
        print()
        countries = sorted(desired.policy.countries.items())
        table.show(
            ("country", "profiles"),
            ((mcc or policies.ELSEWHERE, ", ".join(names) or "blocked") for mcc, names in countries),
        )


def _show_profiles(policy: Policy, said: Row[Any] | None) -> None:
    """With the class of each as the card reports it, a dash for one that it has not reported, and what went
    over it in the month of the last report."""
    on_card: dict[str, int] = dict(json.loads(said.profiles)) if said else {}
    used: dict[str, int] = dict(json.loads(said.used_kb)) if said else {}
    rows = []
    for name, profile in policy.profiles.items():
        kind = on_card.get(profile.iccid)
        class_name = wire.CLASSES[kind] if kind is not None and kind < len(wire.CLASSES) else kind
        class_name = "awaited" if profile.awaited else class_name
        data = f"{used.get(profile.iccid, 0) / 1024:.1f} MB"
        data += f" of {profile.quota_kb / 1024:.0f}" if profile.quota_kb else ""
        fallback = "yes" if name == policy.fallback else None
        rows.append((name, profile.iccid, profile.apn, fallback, class_name, data))
    table.show(("profile", "ICCID", "APN", "fallback", "class on the card", "this month"), rows)


@commands.command()
def switch(
    names: list[str] = _DEVICES,
    profile: str = typer.Argument(help=f"Profile name; {policies.AUTOMATIC}: the policy decides."),
    tag: str | None = typer.Option(
        None, help="Devices on trips where device or trip has this tag, in stages."
    ),
    canaries: int = typer.Option(5, min=1, max=1000, help="With --tag: devices that must succeed first."),
    days: int = typer.Option(2, min=0, max=365, help="With --tag: minimum days per stage."),
) -> None:
    """Switch devices to a profile of their policy, by its name

    A device returns to its previous profile if it cannot connect. With --tag, the canaries switch first,
    then 5, 25, 50 and 100 % of the devices. The roll-out halts if more than 5 % of the devices reached fail.
    Repeat the command to resume it.

    \b
    Examples:
      landbridge esim switch lb-0001 cis
      landbridge esim switch lb-0001 auto
      landbridge esim switch --tag frozen --canaries 2 cis
    """
    if bool(names) == (tag is not None):
        raise UserError("give devices and a profile, or --tag and a profile")
    with opened() as it, it.database.writing() as connection:
        now_s = it.clock.now_s()
        if tag is not None:
            number = card_rollout.begin(
                connection, tag, profile, canaries, days * _DAY_S, command_user(), now_s
            )
            print(f"roll-out {number}: devices on trips with tag {tag} get {profile} in stages")
            return
        for device in names:
            row = known_device(connection, device)
            revision = fleet.switch(connection, device, profile, command_user(), now_s)
            print(f"revision {revision}: {device} switches in its next session")
            if row.next_session_s is not None:
                print(f"the next session is due at {iso(row.next_session_s)}")


@commands.command("roll-outs")
def list_rollouts() -> None:
    """List staged profile roll-outs, newest first

    \b
    Example:
      landbridge esim roll-outs
    """
    with opened() as it, it.database.reading() as connection:
        rows = rollouts.every(connection)
    table.show(
        ("roll-out", "tag", "profile", "by", "begun", "stage", "reached", "in use", "failed"),
        (
            (
                row.rollout, row.tag, row.profile, row.begun_by, iso(row.begun_s), stages.describe(row),
                row.reached, row.taken, row.failed,
            )
            for row in rows
        ),
    )  # fmt: skip


@commands.command()
def halt(rollout: int = typer.Argument(min=1, max=LARGEST, help="Number in the list.")) -> None:
    """Halt a profile roll-out

    Devices that have switched keep the profile.

    \b
    Example:
      landbridge esim halt 3
    """
    with opened() as it, it.database.writing() as connection:
        if rollouts.find(connection, rollout) is None:
            raise UserError(f"no roll-out {rollout}; `landbridge esim roll-outs` lists them")
        rollouts.change(connection, rollout, halted=stored_text(_("by {who}", who=command_user())))
    print(f"roll-out {rollout} is halted")


@commands.command("set-policy", help=_POLICY_HELP)
def set_policy(
    file: Path = _FILE,
    names: list[str] = _DEVICES,
    everybody: bool = typer.Option(False, "--all", help="All devices in use."),
    tag: str | None = typer.Option(None, help="All devices with this tag."),
    most: int = typer.Option(
        LARGEST, min=1, max=LARGEST, help="Maximum number of devices that get the policy."
    ),
) -> None:
    """Give devices a policy; `_POLICY_HELP` is what a person reads."""
    found, codes = policies.parse_with_codes(files.text(file), str(file))
    if bool(names) + everybody + (tag is not None) != 1:
        raise UserError("give devices, --all or --tag")
    with opened() as it, it.database.writing() as connection:
        if tag is not None:
            chosen = devices.chosen(connection, None, tag)
        elif everybody:
            chosen = devices.in_use(connection)
        else:
            chosen = [devices.device_in_use(connection, each).device for each in names]
        lacking = [device for device in chosen if not has(connection, device, found)][:most]
        for device in lacking:
            assign(
                connection, it.keyring, it.config.esim, device, found, codes, command_user(), it.clock.now_s()
            )
    print(f"{len(lacking)} of {len(chosen)} devices receive the policy in their next session")


@commands.command()
def history(device: str = _DEVICE) -> None:
    """Show the profile history of a device

    Lists requests, profile switches and changes of IMEI, ICCID or IMSI.

    \b
    Example:
      landbridge esim history lb-0001
    """
    with opened() as it, it.database.reading() as connection:
        known_device(connection, device)
        asked = stored.history(connection, device)
        events, identities = stored.events(connection, device), stored.identities(connection, device)
    by_revision = {each.revision: each.policy for each in asked}
    rows = [
        (each.set_s, f"request by {each.set_by}", each.profile, f"revision {each.revision}") for each in asked
    ]
    for event in events:
        names = by_revision.get(event.revision)
        before, after = (
            (names.name(number) if names else None) or "?" for number in (event.before, event.after)
        )
        rows.append((event.at_s or event.received_s, f"from {before}", after, wire.describe(event)))
    for each in identities:
        rows.append((each.seen_s, "is", f"ICCID {each.iccid}", f"IMSI {each.imsi}, IMEI {each.imei}"))
    table.show(("time", "what", "profile", "outcome"), ((iso(row[0]), *row[1:]) for row in sorted(rows)))


@commands.command()
def notifications(
    device: str = _DEVICE,
    save: Path | None = _SAVE,
) -> None:
    """List the eUICC notifications of a device

    With --save, each complete notification is written to a file, as the body of an ES9+ handleNotification
    request (SGP.22).

    \b
    Examples:
      landbridge esim notifications lb-0001
      landbridge esim notifications lb-0001 --save out/notifications
    """
    with opened() as it, it.database.reading() as connection:
        known_device(connection, device)
        rows = kept.of_device(connection, device)
    if save:
        save.mkdir(parents=True, exist_ok=True)
        for row in rows:
            if len(row.content) == row.total:
                body = {"pendingNotification": base64.b64encode(row.content).decode()}
                (save / f"{device}-{row.notification}.json").write_text(json.dumps(body) + "\n")
    table.show(
        ("received", "number", "operation", "ICCID", "bytes", "of", "posted", "removed", "failure"),
        (
            (
                iso(row.received_s), row.seq, wire.OPERATIONS.get(row.operation, row.operation), row.iccid,
                len(row.content), row.total, iso(row.posted_s), iso(row.removed_s),
                loaded(row.failure) if row.failure else None,
            )
            for row in rows
        ),
    )  # fmt: skip
