"""The demo's command line: an error is one line."""

import fcntl
import json
import socket
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from host_tests.support.figures import GOOD
from tools.flash.layout import REPOSITORY
from tools.world.demo import demo, summary
from tools.world.demo.figures import Border, demands
from tools.world.demo.picture import Mark, Place, State, Trail, draw

FIGURES = replace(
    GOOD, days=45.2, median_age_h=0.5, borders=[Border("CN-KZ", 3.0), Border("KZ-RU", None)],
    digest="0123456789abcdef" * 4,
)  # fmt: skip

KEPT = ("world.log", "agent/landbridge.toml")
"""A few files of a demo."""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--modem", "nokia"], "'nokia'"),
        (["--seed", "one"], "--seed: 'one' is no whole number of 0 or more;"),
        (["--seed", "-1"], "--seed: '-1' is no whole number of 0 or more;"),
        (["--days", "0"], "--days: '0' is no whole number of 1 to 3648;"),
        (["--days", "100000"], "--days: '100000'"),
        (["--port", "70000"], "--port: '70000' is no whole number of 0 to 65535;"),
        (["--speed", "9"], "--speed"),
        (["--season", "summer"], "'summer'"),
        (["--battery", "aa"], "'aa'"),
        (["--budget", "-5"], "--budget -5: for "),
        (["--budget", "0"], "--budget 0: for "),
        (["--budget", "1"], "mAh; the device takes 100 to 100000: --budget 19 to 18017;"),
        (["--budget", "90000"], "mAh; the device takes 100 to 100000"),
        (["--compare", "--chaos"], "leave out --chaos"),
        (["--after", "out/demo"], "a demo cannot come after itself"),
    ],
)
def test_a_bad_option_is_one_line(arguments, text, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["demo", *arguments])
    with pytest.raises(SystemExit) as ended:
        demo.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert text in said
    assert said.count("\n") == 1


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "tools.world.demo.demo", "--port", str(port)]
        command += ["--out", str(_earlier(tmp_path))]
        result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"port {port}: ")
    assert result.stderr.count("\n") == 1
    assert _is_kept(tmp_path)


def _earlier(tmp_path: Path) -> Path:
    """The folder of a demo that ran before."""
    out = tmp_path / "out"
    (out / "agent").mkdir(parents=True)
    (out / "lock").touch()
    for name in KEPT:
        (out / name).write_text("of an earlier demo")
    return out


def _is_kept(tmp_path: Path) -> bool:
    return all((tmp_path / "out" / name).read_text() == "of an earlier demo" for name in KEPT)


def _said(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which the demo refuses these `arguments`."""
    monkeypatch.setattr(sys, "argv", ["demo", *arguments])
    assert demo.main() == 1
    line, end, more = capsys.readouterr().err.partition("\n")
    assert end and not more
    return line


def test_a_demo_after_none_is_one_line_and_clears_nothing(tmp_path, monkeypatch, capsys):
    arguments = ["--out", str(_earlier(tmp_path)), "--after"]
    none = tmp_path / "none"
    assert _said([*arguments, str(none)], monkeypatch, capsys).startswith(f"no demo lies in {none}: ")
    (none / "agent").mkdir(parents=True)
    damaged = none / "agent/landbridge.sqlite3"
    damaged.write_text("no database")
    assert str(damaged) in _said([*arguments, str(none)], monkeypatch, capsys)
    assert _is_kept(tmp_path)


def test_a_folder_in_which_a_demo_runs_is_one_line_and_its_log_goes_on(tmp_path, monkeypatch, capsys):
    out = _earlier(tmp_path)
    with (out / "lock").open() as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        said = _said(["--out", str(out)], monkeypatch, capsys)
    assert said.startswith(f"another demo runs in {out}: wait for it")
    assert _is_kept(tmp_path)


def test_a_folder_that_is_no_demos_is_one_line_and_stays(tmp_path, monkeypatch, capsys):
    source = tmp_path / "agent" / "app.py"
    source.parent.mkdir()
    source.write_text("precious")
    said = _said(["--out", str(tmp_path)], monkeypatch, capsys)
    assert said == f"{tmp_path / 'agent'} is not a demo's: name another folder with --out"
    assert source.read_text() == "precious"
    file = source / "out"
    said = _said(["--out", str(file)], monkeypatch, capsys)
    assert said == f"{file}: Not a directory; name another folder with --out"


def test_the_table_shows_the_commands_of_people():
    console = Console(width=100, record=True, file=open("/dev/null", "w"))
    console.print(summary.table("a trip", FIGURES, Counter({"agent: after receive": 2})))
    text = console.export_text()
    for expected in (
        "1295  (28.8 a day)", "7 removed, 0 stored", "median 30 min, 95 % 9.0 h", "CN-KZ 3.0 h, KZ-RU never",
        "10,000 J: esp32 1,000, modem 9,000", "3.30 V at -32 °C", "2 x agent: after receive",
        "0123456789abcdef", "data barred                 1 x", "48 a point",
        "median 54 min", "where 60 % of the charge could be had", "1.0 h before the end",
    ):  # fmt: skip
        assert expected in text


def test_all_figures_are_in_the_file(tmp_path):
    target = tmp_path / "demo.json"
    short, others = ["lost 1, must be 0"], {"hourly": FIGURES}
    summary.write(target, {"seed": 1}, FIGURES, demands("bg95"), Counter(), short, others)
    content = json.loads(target.read_text())
    assert content["figures"]["longest_silence_h"] == 20.0
    assert content["must_be"]["longest_silence_h"] == "at most 24"
    assert content["must_be"]["mah_a_day"] == "at most 30"
    assert content["fell_short"] == ["lost 1, must be 0"]
    assert content["beside"]["hourly"]["newest_age_h"] == 0.9


@pytest.mark.parametrize("points", [0, 40])
def test_the_picture_is_drawn(tmp_path: Path, points):
    marks = [Mark(i, 30 + i / 2, 106 - 2 * i, -100 if i % 3 else None) for i in range(points)]
    states = [State(i, 3.6 - i / 100, -i, i % 5) for i in range(45)]
    places = [Place("Chongqing", 29.63, 106.39), Place("Duisburg", 51.43, 6.78)]
    draw(Trail("a trip", places, marks, states, [(0.0, "CN"), (20.0, "KZ")]), tmp_path / "track.png")
    assert (tmp_path / "track.png").read_bytes().startswith(b"\x89PNG")
