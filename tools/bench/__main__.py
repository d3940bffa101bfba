"""The bench: `python -m tools.bench --port /dev/ttyUSB2`."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from tools.bench import DRIVERS, BenchError, energy, power, report, serial_port, transcript
from tools.bench.live import LiveTable
from tools.bench.ports import Recorder
from tools.bench.replay import ReplayPort
from tools.bench.run import Outcome, Run, identify
from tools.bench.transcript import Mask, Request, Transcript
from tools.flash import BOARDS, LayoutError
from tools.flash.boards import load
from tools.flash.layout import PORTS, REPOSITORY

EXAMPLES = """examples:
  python -m tools.bench --port /dev/ttyUSB2
  python -m tools.bench --port /dev/ttyUSB2 --broker mqtt.example:8883 --ca ca.pem --user lb-1 --password ...
  python -m tools.bench --replay out/bench/20260105-060000/transcript.jsonl --meter profile.csv
"""
TRANSCRIPT = "transcript.jsonl"
LONGEST_CA = 10_240
FAILED, USAGE, INTERRUPTED = 1, 2, 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line in place of the usage."""
        self.exit(USAGE, f"{self.prog}: {message}; --help shows examples\n")


def main() -> int:
    """Parse the options and run. Returns the exit code: 0 when every step did what it is for and the modem is
    as it was found, 1 when not, 2 when there was nothing to begin with, 130 after Ctrl-C."""
    options = _options()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.default_int_handler)
    console = Console(soft_wrap=False)
    try:
        if options.replay:
            return _replay(options, console)
        return _live(options, console)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("bench: interrupted before the first step; nothing was changed", file=sys.stderr)
        return INTERRUPTED


def _options() -> argparse.Namespace:
    parser = _Parser(
        prog="python -m tools.bench",
        description="The firmware's modem drivers on a real modem: report, transcript, joules by step.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--port", metavar="DEVICE", help="serial device of the modem's AT port, or a pyserial URL"
    )
    source.add_argument("--replay", metavar="FILE", type=Path, help="the same steps against a transcript")
    parser.add_argument(
        "--board", metavar="NAME", help="folder in boards/; default: found by asking the modem"
    )
    parser.add_argument("--broker", metavar="HOST:PORT", type=_broker, help="MQTT broker with TLS")
    parser.add_argument("--ca", metavar="FILE", type=Path, help="certificate of the broker's authority, PEM")
    parser.add_argument("--user", default="", help="user and client id at the broker")
    parser.add_argument("--password", default="", help="never written to a file")
    parser.add_argument(
        "--apn", default="", help="access point name; default: that of the modem's first context"
    )
    parser.add_argument("--key", action="store_true", help="the adapter's RTS presses the modem's power key")
    parser.add_argument(
        "--switch", action="store_true", help="switch an eUICC to another of its profiles and back"
    )
    parser.add_argument("--repeat", metavar="N", type=_count, default=1, help="rounds of all steps")
    parser.add_argument(
        "--meter", metavar="FILE", type=Path, help="CSV of a power profiler: time, current, voltage"
    )
    parser.add_argument(
        "--volts", metavar="V", type=_volts, help="the supply's voltage, for a CSV without a column voltage"
    )
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="folder for the report; default: out/bench/<time>"
    )
    options = parser.parse_args()
    if options.broker and not (options.ca and options.user and options.password):
        parser.error("--broker needs --ca, --user and --password")
    if options.replay and (options.broker or options.board or options.key or options.repeat > 1):
        parser.error(
            "--replay does what the transcript was asked for; only --meter, --volts and --out go with it"
        )
    if options.volts and not options.meter:
        parser.error("--volts goes with --meter FILE")
    if options.meter and options.replay is None and not options.meter.parent.is_dir():
        parser.error(f"--meter {options.meter}: no such folder")
    return options


def _live(options: argparse.Namespace, console: Console) -> int:
    ca = _ca(options.ca) if options.broker else ""
    kind = modem_of(options.board) if options.board else ""
    if options.meter and options.meter.exists():
        power.load(options.meter, options.volts)  # better now than at the end
    port, baud = serial_port.connect(options.port, options.key)
    try:
        began = datetime.now(UTC) - timedelta(milliseconds=port.ticks_ms())
        request = Request(
            kind or identify(Recorder(port)),
            options.port,
            baud,
            began.isoformat(timespec="milliseconds"),
            options.repeat,
            options.broker or "",
            options.user,
            "*" * len(options.password),
            ca,
            options.apn,
            serial_port.urc_port(options.port),
            options.key,
            options.switch,
        )
        folder = _folder(options.out, began)
        with (folder / TRANSCRIPT).open("w", encoding="utf-8") as file:
            written = Transcript(file, request, Mask([options.password]))
            outcome = _run(Recorder(port, written), request, options.password, written, console)
    finally:
        port.close()
    return _finish(options, folder, request, outcome, console)


def _replay(options: argparse.Namespace, console: Console) -> int:
    request, events = transcript.load(options.replay)
    if request.modem not in DRIVERS:
        raise BenchError(f"{options.replay}: line 1: there is no driver for {request.modem!r}")
    if options.meter:
        power.load(options.meter, options.volts)
    folder = _folder(options.out, datetime.now(UTC))
    port = ReplayPort(events, Mask([]))
    # The password is asterisks in the transcript, and so it is here.
    outcome = _run(Recorder(port), request, request.password, None, console)
    if port.unknown:
        count, first = len(port.unknown), port.unknown[0].decode("latin-1").strip()
        print(f"commands that are not in the transcript and were refused: {count}, first {first}")
    return _finish(options, folder, request, outcome, console)


def _run(
    port: Recorder, request: Request, password: str, written: Transcript | None, console: Console
) -> Outcome:
    with LiveTable(console) as watch:
        mark = written.mark if written else lambda ms, phase: None
        outcome = Run(port, request, password, Mask([password]), watch, mark).go()
    if written:
        written.flush()
    return outcome


def _finish(
    options: argparse.Namespace, folder: Path, request: Request, outcome: Outcome, console: Console
) -> int:
    """Write the report, say in one line what is wrong, and where the report is."""
    measured, complaint = None, ""
    try:
        if options.meter:
            measured = energy.measure(power.load(options.meter, options.volts), request, outcome.results)
    except BenchError as error:
        complaint = str(error)
    report.write(folder, request, outcome, measured)
    for name, value in outcome.restored.back.items():
        print(f"put back {name}: {value}")
    print(f"report in {_short(folder)}: report.md, report.json" + (", energy.json" if measured else ""))
    sys.stdout.flush()
    for line in [*_complaints(outcome), *([complaint] if complaint else [])]:
        print(f"bench: {line}", file=sys.stderr)
    if outcome.interrupted:
        return INTERRUPTED
    if complaint:
        return USAGE
    return FAILED if outcome.bad or not outcome.as_found else 0


def _complaints(outcome: Outcome) -> Iterator[str]:
    for one in outcome.results:
        if one.state == "hangs":
            yield f"hangs at step {one.step}: {one.words}"
        elif one.state == "failed":
            yield f"step {one.step} failed: {one.words}"
    names: dict[str, list[str]] = {}
    for name, why in outcome.restored.not_back.items():
        names.setdefault(why, []).append(name)
    for why, those in names.items():
        yield f"not put back: {', '.join(those)}: {why}"
    for command in outcome.unkept:
        yield f"not put back: {command}: its previous value is unknown"


def _folder(wanted: Path | None, began: datetime) -> Path:
    folder = wanted or REPOSITORY / "out" / "bench" / f"{began:%Y%m%d-%H%M%S}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BenchError(f"{folder}: cannot be made: {error.strerror}; choose another --out") from error
    return folder


def _short(folder: Path) -> str:
    return str(folder.relative_to(Path.cwd())) if folder.is_relative_to(Path.cwd()) else str(folder)


def modem_of(board: str) -> str:
    """The modem that a board's file names; empty for the simulated board, which may have either.

    Raises BenchError when there is no such board, or its file is wrong.
    """
    if board in PORTS:
        return ""
    try:
        return str(load(BOARDS / board)["modem"]["kind"])
    except LayoutError as error:
        raise BenchError(str(error)) from error


def _ca(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"--ca {path}: cannot be read: {error}; give a certificate in PEM") from error
    if "-----BEGIN CERTIFICATE-----" not in text or len(text) > LONGEST_CA:
        raise BenchError(f"--ca {path}: no certificate in PEM of at most {LONGEST_CA} bytes")
    return text


def _broker(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a broker address; write HOST:PORT, for example mqtt.example.org:8883"
        )
    return text


def _volts(text: str) -> float:
    try:
        volts = float(text)
    except ValueError:
        volts = 0.0
    if not 1 <= volts <= 20:
        raise argparse.ArgumentTypeError(f"{text!r} is not a supply voltage; write 1 to 20, for example 3.8")
    return volts


def _count(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 1_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rounds; write 1 to 1000")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
