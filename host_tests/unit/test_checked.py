"""Files that people write: any single value that is wrong is named, in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some
from landbridge import config, config_file
from landbridge.core import files
from landbridge.core.errors import UserError
from landbridge.features.esim import policy
from landbridge.features.sims import cases, controls
from landbridge.features.sims.provider import Http
from landbridge.geo import route
from landbridge.points import cells

from host_tests.support.policies import TEXT
from tools.flash import BOARDS, LayoutError, boards

Where = tuple[str | int, ...]


def toml(value: Any) -> str:
    """A value as TOML, tables in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return value.isoformat() if isinstance(value, date) else json.dumps(value)


def file_of(tables: dict[str, Any]) -> str:
    return "".join(f"{name} = {toml(each)}\n" for name, each in tables.items())


def leaves(value: Any, where: Where = ()) -> Iterator[tuple[Where, Any]]:
    if not isinstance(value, dict | list):
        yield where, value
        return
    for each, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(part, (*where, each))


def changed(value: Any, where: Where, new: Any) -> Any:
    """The same with one value changed."""
    if not where:
        return new
    first, *rest = where
    parts = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    made = [(name, changed(each, tuple(rest), new) if name == first else each) for name, each in parts]
    return dict(made) if isinstance(value, dict) else [each for _, each in made]


def configured(text: str) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "landbridge.toml")
        file.write_text(text)
        with mock.patch.dict(os.environ, {"LANDBRIDGE_CONFIG": str(file)}):
            config_file.load_unresolved(must_exist=True)


def board(text: str) -> None:
    with TemporaryDirectory() as folder:
        Path(folder, boards.FILE).write_text(text)
        boards.load(Path(folder))


CONTROLS = """
[controls.resold]
binding = true
regions = [460]
networks = [460000]
area = [[30.0, 107.0, 5000.0]]
quota_mb = 10.5
hosts = ["broker.example:8883"]
slow_at = 80

[[case]]
name = "all is well"
controls = "resold"
card = { iccids = ["8931440400012345678"], imei = "861234567890123", stage = "active" }
observed = { iccid = "8931440400012345678", plmn = 460000, latitude = 29.6, month_bytes = 9, sms = false }
broken = ["separation"]
"""
PROVIDER = """
[provider]
url = "https://vendor.example/{iccid}"
prefix = "Bearer "
status = { path = "", state = "status", locked = ["suspended"] }
usage = { bytes = "month" }
lock = { method = "PATCH", path = "/lock" }
"""
FILES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "landbridge.toml": (config_file.annotated(config.Config()), configured),
    "board.toml": ((BOARDS / "REFERENCE_BG95" / boards.FILE).read_text(), board),
    "policy": ("blocked = [432]\n" + TEXT, policy.parse),
    "controls": (CONTROLS, cases.run),
    "provider": (PROVIDER, Http),
}
OTHERS = [7, -7, 2.5, True, "x\n", "", [], [[]], {}, {"x": 1}, date(2026, 1, 1)]
PLACES = [
    (name, where, value)
    for name, (text, _) in FILES.items()
    for where, value in leaves(files.toml_of(text, name))
]


def spelt(name: str, where: Where) -> str:
    """The key as an error of this file has it; a list is named by its own key."""
    keys = list(takewhile(lambda each: isinstance(each, str), where[2:] if where[0] == "case" else where))
    if name == "landbridge.toml":
        return f"[{keys[0]}] {keys[1]} "
    return ".".join(map(str, [f"case {int(where[1]) + 1}", *keys] if where[0] == "case" else keys))


def is_of_kind(value: Any, other: Any) -> bool:
    """Whether the other may be as right: a number may be whole."""
    return type(value) is type(other) or (type(value) is float and type(other) is int)


@pytest.mark.parametrize("name", FILES)
def test_the_file_without_a_change_is_taken(name):
    text, read = FILES[name]
    read(file_of(files.toml_of(text, name)))


@settings(max_examples=400)
@given(some.sampled_from(PLACES), some.sampled_from(OTHERS))
def test_a_value_of_another_type_is_named_in_one_line(place, other):
    name, where, value = place
    assume(not is_of_kind(value, other))
    text, read = FILES[name]
    with pytest.raises((UserError, LayoutError)) as raised:
        read(file_of(changed(files.toml_of(text, name), where, other)))
    said = str(raised.value)
    assert spelt(name, where) in said and "\n" not in said


@given(some.sampled_from(PLACES), some.sampled_from(["zz", "pasword"]))
def test_a_key_that_is_not_known_is_named_with_those_that_are(place, wrong):
    name, where, _ = place
    *table, last = where
    assume(isinstance(last, str) and last.isascii() and not set(table) & {"countries"})
    text, read = FILES[name]
    tables = files.toml_of(text, name)
    around = tables
    for each in table:
        around = around[each]
    with pytest.raises((UserError, LayoutError)) as raised:
        read(file_of(changed(tables, tuple(table), {**around, wrong: 1})))
    assert wrong in str(raised.value) and "\n" not in str(raised.value)


ROWS = {"name": "A", "country": "KZ", "lat": "50", "lon": "60", "kind": "hub", "km": "5"}
HEAD = "radio,mcc,net,area,cell,unit,lon,lat,range"
CELL = dict(zip(HEAD.split(","), "LTE,460,0,7,99,,1,2,3".split(","), strict=True))


@given(some.sampled_from(["lat", "lon", "kind", "km"]), some.sampled_from(["x", "1e9", "nan", "-inf", "1,5"]))
def test_a_cell_of_a_line_is_named_by_row_and_column(column, wrong):
    with TemporaryDirectory() as folder:
        file = Path(folder, "line.csv")
        cells_ = {**ROWS, column: f'"{wrong}"'}
        file.write_text(f"{','.join(ROWS)}\n{','.join(cells_.values())}\n")
        with pytest.raises(UserError, match=f"line.csv: row 2, column {column}: .*{wrong}"):
            route.read(file)


@given(
    some.sampled_from(["mcc", "net", "area", "cell", "lon", "lat", "range"]),
    some.sampled_from(["x", "", "-1e9", "nan", "inf", "1e99"]),
)
def test_a_cell_of_a_list_is_named_by_line_and_column(column, wrong):
    row = ",".join({**CELL, column: wrong}.values())
    with pytest.raises(UserError, match=f"list.csv, line 2, column {column}: .*OpenCelliD"):
        list(cells.read(StringIO(f"{HEAD}\n{row}\n"), "list.csv"))


def test_a_whole_number_of_a_list_is_of_digits():
    for wrong in ("460.0", "4_6"):
        row = ",".join({**CELL, "mcc": wrong}.values())
        with pytest.raises(UserError, match=r"column mcc: .*whole number"):
            list(cells.read(StringIO(f"{HEAD}\n{row}\n"), "list.csv"))


@pytest.mark.parametrize("where", ["devices", "broker"])
def test_a_secret_is_not_shown_in_its_error(where):
    secret = "apn_password" if where == "devices" else "password"
    with pytest.raises(UserError, match=f"{secret} = ... must be") as raised:
        configured(f'[{where}]\n{secret} = "hush\\u0000"')
    assert "hush" not in str(raised.value)


def test_a_variable_that_is_wrong_is_named_and_the_file_is_not():
    with mock.patch.dict(os.environ, {"LANDBRIDGE_WEB_PORT": "70000"}):
        with pytest.raises(UserError, match=r"^LANDBRIDGE_WEB_PORT=70000 must be a port"):
            configured("[web]\nport = 'x'")
    with mock.patch.dict(os.environ, {"LANDBRIDGE_WEB_PORT": "80"}):
        configured("[web]\nport = 'x'")  # overridden


def test_published_json_has_no_date_objects():
    with pytest.raises(UserError, match=r"provider\.lock\.body\.since = datetime.* must be a text, a number"):
        Http(PROVIDER.replace('path = "/lock"', "body = { since = 2026-01-01 }"))


def test_a_variable_that_is_no_text_is_named():
    with mock.patch.dict(os.environ, {"LANDBRIDGE_BROKER_USERNAME": "lb\udcff"}):
        with pytest.raises(UserError, match=r"^LANDBRIDGE_BROKER_USERNAME=.*must be a text in quotes"):
            configured("")


def test_a_list_names_the_item_that_is_wrong():
    with pytest.raises(UserError, match=r"controls\.a\.hosts\.1 = 5 must be a text"):
        controls.parse('[controls.a]\nhosts = ["a:1", 5]')


def test_the_ranges_of_the_annotated_file_are_those_that_are_checked():
    assert "# TCP port. 1 to 65535.\nport = 8883" in config_file.annotated(config.Config())
    with pytest.raises(UserError, match="1 to 65535"):
        configured("[broker]\nport = 65536")
    configured("[broker]\nport = 65535")


def test_no_command_loads_pydantic_before_it_reads_a_file():
    code = (
        "import sys\nfrom importlib import import_module\nfrom landbridge.cli import GROUPS\n"
        "for module in (each for group in GROUPS.values() for each in group):\n"
        "    import_module(f'landbridge.{module}')\n"
        "assert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
