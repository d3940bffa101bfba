"""Fixtures of all tests. The files of `host_tests/device/` run on CPython and on MicroPython.

pytest's own collector gives the CPython leg. The others are items named `<runtime>::<function>`;
the first of them to run in a file starts one MicroPython process for the whole file
(`tools/verify/on_device/runner.py`), so the functions take no fixtures, import no pytest and do not depend on
each other.
"""

import functools
import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import landbridge.app  # noqa: F401 - registers the hooks between features
import pytest
from argon2 import PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY
from landbridge.db import engines
from landbridge.db.database import Database
from landbridge.features.users import passwords
from sqlalchemy import Engine

from host_tests.support import copies
from host_tests.support.micropython import DeviceFile, compiled_firmware
from tools.flash import layout
from tools.flash.minify import minify

if TYPE_CHECKING:
    from host_tests.support.command import Command
    from host_tests.support.fleet import Fleet
    from host_tests.support.pages import Shown

# Images of containers often forbid it: then each of some hundred processes compiles the whole agent, and each
# wake the modules of the firmware that it loads.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes is the machine's affair. All runs have the same: what fails for one fails for all;
# `--hypothesis-profile=others` looks for new ones.
_others = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("others", _others)
hypothesis.settings.register_profile("landbridge", _others, derandomize=True)
hypothesis.settings.load_profile("landbridge")


@pytest.fixture(autouse=True)
def log_stays_on() -> Iterator[None]:
    """A test that leaves the log off would make another fail that reads it."""
    yield
    assert logging.root.manager.disable == logging.NOTSET
    assert logging.getLogger("landbridge").level == logging.NOTSET


def pytest_collection() -> None:
    """What collecting makes is kept: to look for garbage in it takes a fifth of the time."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first, or the last of them would run alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """The firmware collects garbage often; what pytest itself has made is never searched."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True, scope="module")
def _only_garbage_of_this_file_is_looked_for() -> Iterator[None]:
    """What earlier files have loaded is no garbage: the firmware, which often collects, skips it."""
    gc.collect()
    gc.freeze()
    yield


_collect = gc.collect


def _collect_what_is_young(generation: int = 2, /) -> int:
    by_firmware = sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] == "locator"
    return _collect(0 if by_firmware else generation)


@pytest.fixture(autouse=True, scope="session")
def firmware_collects_what_is_young() -> Iterator[None]:
    """The firmware collects often, for a heap that is small. Here a third of the time of its wakes would go
    into all that a test has loaded, the agent too; CPython collects that by itself, more seldom."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "collect", _collect_what_is_young)
        yield


def pytest_sessionfinish() -> None:
    """Remove what `compiled_firmware` made."""
    if compiled_firmware.cache_info().currsize:
        shutil.rmtree(compiled_firmware())


@pytest.fixture(autouse=True)
def whole_firmware() -> Iterator[None]:
    """A session unloads modules of the firmware: another test's names must not be of another load."""
    before = {name: module for name, module in list(sys.modules.items()) if name.startswith("locator.")}
    yield
    for name, module in before.items():
        if sys.modules.get(name) is not module:
            sys.modules[name] = module
            room, _, last = name.rpartition(".")
            setattr(sys.modules[room], last, module)


@pytest.fixture(autouse=True, scope="session")
def passwords_cost_little() -> Iterator[None]:
    """What makes guessing dear takes a third of a second of processor time for each user of a test. What is
    shipped is as dear as it must be."""
    shipped = passwords.HASHER
    dear = RFC_9106_LOW_MEMORY
    assert (shipped.memory_cost, shipped.time_cost) == (dear.memory_cost, dear.time_cost)
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", cheap)
        yield


@pytest.fixture(autouse=True, scope="session")
def shipped_pragmas() -> Iterator[tuple[str, ...]]:
    """What SQLite does on each connection, as shipped. In tests it does not wait for the disk, which would be
    a quarter of the time of most: none of them cuts the power of the machine that it runs on."""
    shipped = engines.PRAGMAS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "PRAGMAS", (*shipped, "synchronous=OFF"))
        yield shipped


_migrate = Database.migrate


@functools.cache
def _made_tables() -> bytes:
    """The file of a database with all tables and nothing in them, as the migrations make it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made.sqlite3")
        database = Database(path)
        _migrate(database)
        database.close()
        return path.read_bytes()


@pytest.fixture(autouse=True, scope="module")
def tables_made_once() -> Iterator[None]:
    """A new file of SQLite is a copy: to make the tables takes longer than most tests."""

    def migrate(database: Database) -> None:
        path = Path(database.place)
        if path.is_file() and path.stat().st_size == 0:
            path.write_bytes(_made_tables())
        else:
            _migrate(database)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "migrate", migrate)
        yield


class _Compiled(dict[tuple[Any, ...], Any]):
    """Statements that SQLAlchemy has compiled. A key begins with the dialect, of which each engine has one of
    its own."""

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get(key[1:], default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__(key[1:], compiled)


@pytest.fixture(autouse=True, scope="module")
def statements_compiled_once() -> Iterator[None]:
    """A statement is the same SQL for each file of SQLite: to compile it again for the database of each test
    takes longer than to run it."""
    usual, compiled = engines.sqlite, _Compiled()

    def sqlite(*given: Any, **more: Any) -> Engine:
        engine = usual(*given, **more)
        engine.update_execution_options(compiled_cache=compiled)
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "sqlite", sqlite)
        yield


@pytest.fixture(autouse=True, scope="session")
def agents_are_copied() -> Iterator[None]:
    """Of one that is loaded (support/copies.py), where a test starts one in a process of its own."""
    with copies.copied():
        yield


@functools.cache
def _minified(sources: tuple[tuple[str, str], ...], outside: tuple[str, ...]) -> Mapping[str, str]:
    return minify(dict(sources), outside)


_bytecode = functools.cache(layout.bytecode)


@pytest.fixture(autouse=True, scope="module")
def minified_once() -> Iterator[None]:
    """The same sources come out the same: to share their names takes more than a second, and to compile them
    starts more than a hundred processes."""

    def remembered(sources: Mapping[str, str], outside: Iterable[str] = ()) -> dict[str, str]:
        return dict(_minified(tuple(sources.items()), tuple(outside)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "minify", remembered)
        patch.setattr(layout, "bytecode", _bytecode)
        yield


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator["Fleet"]:
    """Two devices in a database of SQLite."""
    from host_tests.support.fleet import Fleet

    made = Fleet(tmp_path)
    yield made
    made.database.close()


@pytest.fixture(name="landbridge")
def landbridge_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Command":
    """The command, in a folder with its configuration."""
    from host_tests.support.command import Command

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LANDBRIDGE_CONFIG", raising=False)
    return Command(tmp_path, capsys)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Shown"]:
    """The pages of a fleet to which everything has happened."""
    from host_tests.support.pages import shown

    with shown(tmp_path_factory.mktemp("pages")) as made:
        yield made


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> DeviceFile | None:
    """Collect the files of `host_tests/device/` beside pytest's own collector."""
    if file_path.parent.name == "device" and file_path.match("test_*.py"):
        collector: DeviceFile = DeviceFile.from_parent(parent, path=file_path)
        return collector
    return None
