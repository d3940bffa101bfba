"""Constants folded across modules: the same values, on the same lines, and nothing else touched."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.flash import short_names
from tools.flash.layout import FIRMWARE, modules, outside
from tools.flash.minify import minify, module_name

STATE = '''"""What is kept."""

from micropython import const

NOW, LAST = const(0), const(1)
FIRST = const(
    8
)
END = const(FIRST + 2 * NOW - 9)
_PRIVATE = const(3)
NAME = "a text"


def begin(state):
    """Begin."""
    return state[FIRST] + _PRIVATE
'''


def minified(text: str) -> str:
    """What becomes of a module that uses STATE, and all names of which stay."""
    return minify({"locator.state": STATE, "locator.user": text}, [STATE, text])["locator.user"]


IN = "from locator import state\n"
FROM = "from locator.state import "


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("from locator import state as st\nx = st.FIRST", "pass\nx = 8"),
        (IN + "x = state.END + 1", "pass\nx = (-1) + 1"),
        (IN + "x = (state.NOW, state.begin)", IN + "x = (0, state.begin)"),
        (FROM + "FIRST, begin\nx = begin(FIRST)", FROM + "begin\nx = begin(8)"),
        (FROM + "(\n    FIRST,\n    begin,\n)\nx = FIRST", FROM + "begin\n\n\n\nx = 8"),
        (FROM + "NAME\nx = NAME", None),
        ("def f():\n    " + IN + "    return state.LAST", "def f():\n    pass\n    return 1"),
        (IN + "def f(state):\n    return state.FIRST", IN + "def f(a):\n    return a.FIRST"),
        (IN + "def f():\n    state = g()\n    return state.FIRST", None),
        ("from other import state\nx = state.FIRST", None),
        ("x = y.FIRST", None),
    ],
)
def test_a_named_constant_becomes_its_number(text, becomes):
    assert minified(text) == (becomes or text)


def lost_constants(sources: dict[str, str]) -> list[str]:
    """Where a module that came as an argument is asked for a constant: nothing is left of it then."""
    public = {
        name.rpartition(".")[2]: {each for each, _ in short_names.definitions(ast.parse(text))}
        for name, text in sources.items()
    }
    return [
        f"{module}: {ast.unparse(part)}"
        for module, text in sources.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name)
        if part.value.id in {arg.arg for arg in node.args.args} & public.keys()
        if part.attr in public[part.value.id]
    ]


def test_no_module_that_comes_as_an_argument_is_asked_for_a_constant():
    assert lost_constants(firmware()) == []
    user = "def ask(euicc):\n    return euicc.NOT_FOUND\n"
    assert lost_constants(firmware() | {"user": user}) == ["user: euicc.NOT_FOUND"]


def test_nothing_is_left_of_a_public_constant():
    text = minify({"locator.state": STATE}, [STATE])["locator.state"]
    scope: dict[str, object] = {"const": int}
    exec(text, scope)
    assert {"NOW", "LAST", "FIRST", "END"}.isdisjoint(scope) and scope["NAME"] == "a text"
    assert "a[8] + 3" in text and text.count("\n") == STATE.count("\n")


def firmware() -> dict[str, str]:
    """The application's sources by the names of their modules."""
    paths = modules(FIRMWARE / "locator")
    return {module_name(path.relative_to(FIRMWARE)): path.read_text() for path in paths}


def functions(text: str) -> list[int]:
    """Line of each function and class."""
    kinds = ast.FunctionDef | ast.ClassDef
    return [node.lineno for node in ast.walk(ast.parse(text)) if isinstance(node, kinds)]


def test_the_firmware_keeps_its_lines_and_its_functions():
    sources = firmware()
    after = minify(sources, outside())
    for name, text in sources.items():
        assert functions(after[name]) == functions(text), name
        assert after[name].count("\n") == text.count("\n"), name
    assert len("".join(after.values())) < 0.9 * len("".join(sources.values()))


def test_a_new_name_leaves_most_modules_as_they_were():
    sources = firmware()
    before = minify(sources, outside())
    sources["locator.scheduler.path"] += "\n\ndef never_heard_of(state):\n    return state\n"
    after = minify(sources, outside())
    changed = [name for name in sources if before[name] != after[name]]
    assert "locator.scheduler.path" in changed and len(changed) <= 10


PARTS = """
from micropython import const

_STEP = const(2)
FACTORS = (2, 3)


class PartError(Exception):
    pass


class Part:
    name = "a part"

    def __init__(self, size):
        self.size = size
        self._cache = None

    def _grown(self, by):
        return [self.size + each * by for each in FACTORS]

    def total(self, limit=9):
        def capped(values):
            return min(limit, sum(values))

        if self.size < 0:
            raise PartError(self.size)
        return capped(self._grown(_STEP))


class Whole(Part):
    def _grown(self, by):
        size = super()._grown(by)
        return [each + self.size for each in size]
"""
USER = """
from shop import parts
from shop.parts import Part as Piece, PartError

_seen = 0


def count(size):
    global _seen
    from shop.parts import FACTORS

    total = [size for size in FACTORS]
    _seen += len(total)
    return _seen


def run(_=None):
    try:
        parts.Whole(-1).total()
    except PartError as error:
        failed = error.args[0]
    getattr(parts, "Whole")
    return parts.Whole(1).total(limit=30), Piece(4).total(), Piece.name, count(3), count(3), failed
"""
MAIN = "import builtins\n\nbuiltins.const = int\nfrom shop import user\nprint(user.run())\n"
SHOP = {"shop.parts": PARTS, "shop.user": USER}


def said(folder: Path, sources: dict[str, str]) -> str:
    """What MAIN prints, with these modules."""
    for name, text in {**sources, "main": MAIN, "shop.__init__": "", "micropython": "const = int"}.items():
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    run = subprocess.run([sys.executable, folder / "main.py"], capture_output=True, text=True, check=True)
    return run.stdout


def test_shared_names_do_the_same(tmp_path):
    after = minify(SHOP, [MAIN])
    assert said(tmp_path / "after", after) == said(tmp_path / "before", SHOP)
    text = after["shop.parts"] + after["shop.user"].replace(" as FACTORS", "").replace("in FACTORS", "")
    for gone in ("FACTORS", "_grown", ".size", "total(", "_cache", "Piece", "_seen"):
        assert gone not in text, gone
    for kept in ("PartError", "Whole", "run", "limit=30", "_STEP = const(2)"):
        assert kept in text, kept


def test_names_that_meet_differ_and_a_name_is_the_same_everywhere():
    sources = firmware()
    after = {name: ast.parse(text) for name, text in short_names.rename(sources, outside()).items()}
    short: dict[str, str] = {}
    for name, text in sources.items():
        for old, new in zip(members(ast.parse(text)), members(after[name]), strict=True):
            assert short.setdefault(old, new) == new, old
    short = {old: new for old, new in short.items() if old != new}
    assert len(set(short.values())) <= short_names.SHORT_NAMES < len(short)
    for name, tree in after.items():
        for body in (tree.body, *(each.body for each in tree.body if isinstance(each, ast.ClassDef))):
            defined = [each.name for each in body if isinstance(each, ast.FunctionDef | ast.ClassDef)]
            assert len(set(defined)) == len(defined), name


def test_fields_of_a_named_tuple_share_names_too():
    made = 'from collections import namedtuple\n\nPlace = namedtuple("Place", ("northing", "easting"))\n'
    used = "import shop.made as made\n\n\ndef sum_of(it):\n    return it.northing + it.easting\n"
    after = short_names.rename({"shop.made": made, "shop.used": used})
    first, second = re.findall(r'"(\w+)"', after["shop.made"])[1:]
    assert first != second and {first, second}.isdisjoint({"northing", "easting"})
    assert f".{first} + " in after["shop.used"] and after["shop.used"].endswith(f".{second}\n")


def members(tree: ast.AST) -> list[str]:
    """What is taken from objects."""
    return [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)]


@pytest.mark.parametrize(
    "text",
    [
        "import os\n\n\ndef stat():\n    return os.stat\n\n\nVERBS = ('stat', 'VERBS')\n",
        "def _(self):\n    return self.append\n",
        "__all__ = ()\n",
        "class OtherError(OSError):\n    pass\n\n\nclass MineError(OtherError):\n    pass\n",
    ],
)
def test_names_that_others_use_are_kept(text):
    assert minify({"locator.names": text})["locator.names"] == text


def test_arguments_become_letters():
    text = "def run(values, limit, by=1):\n    def more(values):\n        return by\n    return limit\n"
    becomes = "def run(a, b, by=1):\n    def more(a):\n        return by\n    return b\n"
    assert minify({"locator.names": text}, ["run(by=2)"])["locator.names"].startswith("def run(a, b, c=1)")
    called = "\n\nrun(1, 2, by=3)\n"
    assert minify({"locator.names": text + called}, ["run()"])["locator.names"] == becomes + called


@pytest.mark.parametrize(
    "text",
    [
        "def f(*names, key=1, **more):\n    return names, key, more\n",
        "def f(error):\n    try:\n        pass\n    except OSError as error:\n        return error\n",
    ],
)
def test_arguments_that_are_bound_otherwise_keep_their_names(text):
    assert minify({"locator.names": text}, ["f()"])["locator.names"] == text
