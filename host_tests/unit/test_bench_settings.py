"""The bench can restore every setting that the drivers change."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.bench.settings import SETTINGS, Value, unkept
from tools.flash.layout import REPOSITORY

DRIVERS = REPOSITORY / "firmware" / "locator"
SETS = re.compile(rb"\+[A-Z0-9]+=[^?]")


def set_commands(source: str) -> Iterator[str]:
    """Every command of a driver's source that sets something, with AT and its placeholders as they are."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, bytes) and SETS.match(node.value):
            yield "AT" + node.value.decode()


def modems_of(path: Path) -> list[str]:
    """For which modems a file is: its folder says so; any of them must know a command of a file for all."""
    named = [modem for modem in SETTINGS if modem in path.parts]
    return named or list(SETTINGS)


def without_a_row(path: Path, source: str) -> list[str]:
    """Its commands that no table of `tools/bench/settings.py` knows."""
    unknown = [set(unkept(modem, set_commands(source))) for modem in modems_of(path)]
    return sorted(set.intersection(*unknown))


@pytest.mark.parametrize(
    "path", sorted(DRIVERS.rglob("*.py")), ids=lambda path: str(path.relative_to(DRIVERS))
)
def test_each_command_that_sets_something_has_a_row(path):
    assert without_a_row(path, path.read_text()) == []


def test_drivers_do_set_things():
    for modem in SETTINGS:
        assert len(set(set_commands((DRIVERS / "modem" / modem / "driver.py").read_text()))) > 10


def test_a_command_without_a_row_is_found():
    source = 'at.command(b\'+QCFG="band",%s\' % x); at.command(b\'+QCFG="nosuch",1\'); f(b"+CMEE=1", b"+X=?")'
    assert without_a_row(Path("bg95/driver.py"), source) == ['AT+QCFG="nosuch"']


@pytest.mark.parametrize("modem", SETTINGS)
@pytest.mark.parametrize(
    ("name", "lines", "found"),
    [
        ("+CEREG", ["4,5"], ("4",)),
        ("+CEREG", ['2,1,"1A2B","01234567",7'], ("2",)),
        ("+CEREG", ['5,"1A2B","01234567",8', "0, 5"], ("0",)),
        ("+CREG", ["2", "1,2"], ("1",)),
        ("+CGREG", ['5,"1A2B","01234567",8'], ()),
    ],
)
def test_a_report_on_the_registration_is_not_how_reports_are_set(
    modem: str, name: str, lines: list[str], found: Value
) -> None:
    assert next(one for one in SETTINGS[modem] if one.name == name).keep(lines) == found


def test_files_are_deleted_by_the_name_that_the_modem_takes() -> None:
    files = next(one for one in SETTINGS["bg95"] if one.name == "files")
    was, now = files.keep([]), files.keep(['"UFS:ca.pem",1970', '"b.pem",12'])
    assert files.restore(was, now) == ['+QFDEL="ca.pem"', '+QFDEL="b.pem"']
