"""The steps that remain for the operator after a set-up."""

from pathlib import Path
from shlex import quote

from landbridge import config_file
from landbridge.config import Config
from landbridge.operations.setup.answers import EXISTING, NATS, Answers

_NEEDED = """at the broker {at}, over TLS, there must be:
  a user {username}, who reads and writes landbridge/#
  a user for each device, under its id and with the broker_password of its device.json, who writes
  landbridge/<device>/up, reads landbridge/<device>/down, and whose client id is its name
what else a broker needs is in docs/guide/broker.md; `landbridge broker check --device lb-0001` tries it"""


def after(
    folder: Path,
    answers: Answers,
    before: Config,
    changed: list[Path],
    has_devices: bool,
    has_lost_broker: bool,
) -> list[str]:
    """Return what is to be done after these files have changed, a line or paragraph each."""
    names = {path.name for path in changed}
    found = []
    if answers.broker == EXISTING and config_file.DEFAULT_FILE in names:
        at = f"{answers.host}:{answers.port}"
        found.append(_NEEDED.format(at=at, username=answers.username))
    if answers.broker == NATS and "landbridge.conf" in names:
        conf = folder / "nats" / "landbridge.conf"
        found.append(f"platforms connect over NATS as the user platform; its password is in {conf}")
    if has_lost_broker:
        found.append(
            "the previous own broker is no longer needed: `systemctl disable --now landbridge-broker`"
        )
    former = before.devices.broker_host, before.devices.broker_port
    if has_devices and former != (answers.host, answers.port):
        found.append(
            f"trackers added before still connect to {former[0]}:{former[1]}: keep that name, or add"
            " them again under new ids and flash them"
        )
    if "systemd" in {path.parent.name for path in changed}:
        found.append(f"start everything: `systemctl enable --now {quote(str(folder))}/systemd/*.service`")
    if before != Config() and changed:
        found.append(
            "services that already run apply it after `systemctl restart landbridge-broker landbridge`"
        )
    return found
