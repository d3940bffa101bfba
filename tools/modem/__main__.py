"""Run the modem alone in real time: `python -m tools.modem --dialect bg95 --pty`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tools.modem.alone.serve import Server
from tools.modem.card.card import Card
from tools.modem.card.euicc import Euicc
from tools.modem.card.profile import PROVISIONING, Profile
from tools.modem.card.quirks import QUIRKS
from tools.modem.registry import DIALECTS
from tools.modem.scenario import Event, load
from tools.modem.variants import VARIANTS, adapt

if TYPE_CHECKING:
    from tools.modem.card.rsp.identity import Identity

EXAMPLES = """examples:
  python -m tools.modem --dialect bg95 --pty              prints the device to open, for example /dev/pts/3
  python -m tools.modem --dialect sim7600 --tcp 5000      on 127.0.0.1; HOST:5000 for another address
  python -m tools.modem --dialect bg95 --rfc2217 5001     for the bench: --port rfc2217://localhost:5001 --key
  python -m tools.modem --dialect bg95 --unix abstract:m  an abstract socket of this name (ModemManager)
  python -m tools.modem --dialect sim7600 --pty --variant cpsi-index --scenario denied.toml
  python -m tools.modem --variants                        the variants there are
"""


class _List(argparse.Action):
    """Print the variants and end."""

    def __init__(self, option_strings: list[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        for name, variant in VARIANTS.items():
            print(f"{name:16} {', '.join(variant.dialects):14} {variant.meaning}")
        for name, meaning in QUIRKS.items():
            print(f"{name:16} {'--quirk':14} {meaning}")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line in place of the usage."""
        self.exit(2, f"{self.prog}: {message}; --help shows examples\n")


def _parser() -> _Parser:
    """The options."""
    parser = _Parser(
        prog="python -m tools.modem",
        description="A simulated cellular modem in real time: a quiet yard, three networks, open sky.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--variants", action=_List, help="list variants and eUICC quirks, and exit")
    parser.add_argument("--dialect", required=True, choices=tuple(DIALECTS))
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--pty", action="store_true", help="a pseudo terminal")
    where.add_argument("--tcp", metavar="[HOST:]PORT", type=_address, help="a modem for each TCP connection")
    where.add_argument(
        "--rfc2217",
        metavar="[HOST:]PORT",
        type=_address,
        help="the same, with an adapter whose RTS presses the power key and whose DTR lets the modem sleep",
    )
    where.add_argument("--unix", metavar="PATH", help="a modem for each connection to this socket")
    parser.add_argument("--speed", type=_speed, default=1.0, help="factor by which time runs faster")
    parser.add_argument(
        "--euicc",
        nargs="?",
        choices=("consumer", "iot"),
        const="consumer",
        help="its card is an eUICC with three profiles, of SGP.22 (consumer) or SGP.32 (iot)",
    )
    parser.add_argument("--quirk", metavar="NAME", action="append", default=[], help="eUICC with this quirk")
    parser.add_argument(
        "--identity",
        metavar="FOLDER",
        type=Path,
        help="certificates and key of the eUICC, instead of the built-in ones",
    )
    parser.add_argument(
        "--variant", metavar="NAME", action="append", default=[], help="variant of the modem firmware"
    )
    parser.add_argument(
        "--scenario", metavar="FILE", type=Path, help="scenario: events and their times (TOML)"
    )
    return parser


def main() -> int:
    """Parse the options and serve until Ctrl-C. Returns the exit code."""
    parser = _parser()
    options = parser.parse_args()
    unknown = sorted(set(options.quirk) - set(QUIRKS))
    if unknown:
        parser.error(f"no quirk {unknown[0]!r}; --variants lists them")
    if (options.quirk or options.identity) and not options.euicc:
        parser.error("--quirk and --identity need --euicc")
    try:
        card = _inserted(options)
        adapt(DIALECTS[options.dialect], options.variant)
        scenario: list[Event] = load(options.scenario) if options.scenario else []
    except ValueError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    server = Server(options.dialect, options.speed, options.variant, scenario, card)
    try:
        print(_open(server, options), flush=True)
        server.serve()
    except OSError as error:
        address = options.tcp or options.rfc2217
        wanted = options.unix or (":".join(map(str, address)) if address else "a pseudo terminal")
        print(f"{parser.prog}: cannot open {wanted}: {error.strerror}; choose another", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _inserted(options: argparse.Namespace) -> Callable[[], Card]:
    """Makes the card. Raises ValueError for an identity that is none."""
    if not options.euicc:
        return Card
    identity: Identity | None = None
    if options.identity:
        from tools.modem.card.rsp import folder

        identity = folder.load(options.identity)
    return partial(_euicc, options.euicc == "iot", frozenset(options.quirk), identity)


def _euicc(iot: bool, quirks: frozenset[str], identity: Identity | None) -> Card:
    return Euicc(
        [
            Profile("8931440400012345678", "204046612345678", "roaming", fallback=True),
            Profile("8988280000000000033", "901280000000003", "europe"),
            Profile("8988000000000000001", "001010000000001", "bootstrap", kind=PROVISIONING),
        ],
        quirks=quirks,
        iot=iot,
        identity=identity,
    )


def _open(server: Server, options: argparse.Namespace) -> str:
    if options.pty:
        return server.pty()
    if options.tcp:
        return server.listen("tcp", options.tcp)
    if options.rfc2217:
        return server.listen("rfc2217", options.rfc2217)
    path: str = options.unix
    if path.startswith("abstract:"):
        server.listen("unix", "\0" + path)
        return path
    return server.listen("unix", path)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65_535:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an address; write PORT or HOST:PORT, PORT up to 65535"
        )
    return host or "127.0.0.1", int(port)


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1_000:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a factor; write a number up to 1000, 1 for real time"
        )
    return speed


if __name__ == "__main__":
    sys.exit(main())
