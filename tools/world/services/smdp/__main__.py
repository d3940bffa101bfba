"""Runs the scripted SM-DP+ alone, for other LPAs.

`python -m tools.world.services.smdp --offer MATCH-1=15000` prints the activation code of 15,000 bytes.
"""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path

from tools.world.services.smdp import binding, damage
from tools.world.services.smdp.codes import STATUS
from tools.world.services.smdp.functions import NAMES
from tools.world.services.smdp.profiles import offered
from tools.world.services.smdp.server import Fault, Server

ICCID, IMSI = 8_949_030_000_000_001_000, 262_012_345_000_000
"""Numbers of the first profile; those of the others follow."""
DAMAGES = sorted(damage.DAMAGES | binding.DAMAGES)


def main() -> int:
    """The command line; serves until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.world.services.smdp",
        description="A scripted SM-DP+: profiles, status codes, damage.",
    )
    parser.add_argument("--port", type=int, default=0, help="a free one when it is left out")
    parser.add_argument("--host", default="localhost", help="what clients call it")
    parser.add_argument(
        "--offer", metavar="MATCHING-ID=BYTES", type=_offer, action="append", required=True, help="repeatable"
    )
    parser.add_argument("--code", default="", help="the confirmation code of all offers")
    parser.add_argument(
        "--fault", metavar="FUNCTION=STATUS", type=_fault, action="append", default=[], help=", ".join(STATUS)
    )
    parser.add_argument(
        "--damage", choices=DAMAGES, metavar="WHAT", action="append", default=[], help=", ".join(DAMAGES)
    )
    parser.add_argument("--ca", metavar="FILE", type=Path, help="write the root that clients have to trust")
    options = parser.parse_args()
    try:
        server = Server(options.port, host=options.host)
    except OSError as error:
        print(f"{parser.prog}: cannot listen on port {options.port}: {error.strerror}", file=sys.stderr)
        return 1
    if options.ca:
        options.ca.write_text(server.ca_pem)
    server.faults += options.fault
    server.functions.damage = frozenset(options.damage)
    for number, (matching_id, size) in enumerate(options.offer):
        server.order(matching_id, offered(str(ICCID + number), str(IMSI + number), size), code=options.code)
        confirmed = "$$1" if options.code else ""
        print(f"LPA:1${server.address}${matching_id}{confirmed}", flush=True)
    with server:
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


def _offer(text: str) -> tuple[str, int]:
    matching_id, _, size = text.partition("=")
    try:
        offered(str(ICCID), str(IMSI), int(size))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}; write MATCH-1=15000") from None
    return matching_id, int(size)


def _fault(text: str) -> Fault:
    function, _, status = text.partition("=")
    if function not in NAMES or status not in STATUS:
        raise argparse.ArgumentTypeError(f"{text!r}: functions are {', '.join(NAMES)}")
    return Fault(function, status=status)


if __name__ == "__main__":
    sys.exit(main())
