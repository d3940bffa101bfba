"""Parts left out of a module's text before it is compiled: same behaviour, same line numbers."""

import ast
from importlib.util import resolve_name

import pytest

from tools.flash.brief import brief
from tools.flash.layout import FIRMWARE, modules
from tools.flash.minify import module_name


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ('"""A module."""\nx = 1\n', "\nx = 1\n"),
        ('def f():\n    """Two\n    lines."""\n    return 1\n', "def f():\n\n\n    return 1\n"),
        ('class A:\n    x = 1\n    """What x is."""\n', "class A:\n    x = 1\n\n"),
        ("class A(Exception):\n    pass\n", None),
        ('def f():\n    """Nothing else."""\n    pass\n', None),
        ("pass\nif x:\n    pass\nelse:\n    y()\n", "\nif x:\n    pass\nelse:\n    y()\n"),
        ("from a.b import c\n", "from . import c\n"),
        ("from a.b.d import c\n", "from .d import c\n"),
        ("from a import b, c\n", "from .. import b, c\n"),
        (
            "def f():\n    from a.e.f import (\n        g,\n    )\n",
            "def f():\n    from ..e.f import (\n        g,\n    )\n",
        ),
        ("from other import c\n", None),
        ("import a.b\n", None),
    ],
)
def test_statements_without_effect_are_removed_and_imports_begin_here(text, becomes):
    assert brief(text, "a.b.module") == (becomes or text)


def test_a_package_is_where_its_modules_are():
    assert brief("from a.b import c\nfrom a import d\n", "a.b", True) == "from . import c\nfrom .. import d\n"


def imports(text: str, package: str) -> list[tuple[int, str]]:
    """Line and module of each `from ... import`."""
    nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
    return [(node.lineno, resolve_name("." * node.level + (node.module or ""), package)) for node in nodes]


def test_the_whole_firmware_imports_the_same_on_the_same_lines():
    found = 0
    for path in modules(FIRMWARE / "locator"):
        name, is_package = module_name(path.relative_to(FIRMWARE)), path.name == "__init__.py"
        package = name if is_package else name.rpartition(".")[0]
        text = path.read_text()
        became = brief(text, name, is_package)
        assert "from locator" not in became and became.count("\n") == text.count("\n"), name
        assert imports(became, package) == imports(text, package), name
        found += len(imports(text, package))
    assert found > 300
