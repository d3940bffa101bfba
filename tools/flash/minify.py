"""Minifies the firmware: folds constants across modules, as MicroPython's compiler does within a module.

`NAME = const(...)` costs the device an entry in its module and the name, some 30 bytes of heap each, and
each use of it two look-ups. In a slot nothing is left of it: each use, in this module or another
one, becomes the number. Lines stay where they are, so that tracebacks do. What reads a constant by `getattr`,
or from outside the slot, finds none.
"""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tools.flash.short_names import definitions, rename

Constants = dict[str, dict[str, int]]
"""Module, name, value."""


@dataclass
class _Module:
    name: str
    source: str
    tree: ast.Module
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Name here -> (module, "" or name there)."""


def minify(sources: dict[str, str], outside: Iterable[str] = ()) -> dict[str, str]:
    """The sources by the dotted names of their modules, with constants folded and names shared; `outside` as
    for `short_names.rename`."""
    modules = {name: _Module(name, source, ast.parse(source)) for name, source in sources.items()}
    for module in modules.values():
        _read_imports(module, modules)
    constants = _constants(modules)
    minified = {name: _Minified(module, constants).source() for name, module in modules.items()}
    return rename(minified, outside)


def module_name(path: Path) -> str:
    """Dotted, of a file relative to the root of the imports."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _read_imports(module: _Module, modules: dict[str, _Module]) -> None:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                here = alias.asname or alias.name
                whole = f"{node.module}.{alias.name}"
                module.imports[here] = (whole, "") if whole in modules else (node.module, alias.name)


def _constants(modules: dict[str, _Module]) -> Constants:
    """Those that can be computed, by repetition until no more come to it."""
    found: Constants = {name: {} for name in modules}
    more = True
    while more:
        more = False
        for module in modules.values():
            for name, value in definitions(module.tree):
                if name not in found[module.name]:
                    number = _number(value, module, found)
                    if number is not None:
                        found[module.name][name] = number
                        more = True
    return found


def _number(node: ast.expr, module: _Module, found: Constants) -> int | None:
    """The value of an expression of numbers and constants."""
    names = {
        here: found[there][name]
        for here, (there, name) in module.imports.items()
        if there in found and name in found[there]
    }
    names |= found[module.name]
    expression = ast.parse(ast.unparse(node), mode="eval")
    for part in ast.walk(expression):
        if isinstance(part, ast.Name) and part.id not in names and part.id not in module.imports:
            return None
        if isinstance(part, ast.Attribute):
            return _attribute(part, module, found) if part is expression.body else None
        if isinstance(part, ast.Call | ast.Subscript):
            return None
    try:
        value = eval(compile(expression, module.name, "eval"), {"__builtins__": {}}, names)
    except NameError:
        return None
    return value if type(value) is int else None


def _attribute(node: ast.Attribute, module: _Module, found: Constants) -> int | None:
    if not isinstance(node.value, ast.Name) or node.value.id not in module.imports:
        return None
    there, name = module.imports[node.value.id]
    return found.get(there, {}).get(node.attr) if not name else None


class _Minified(ast.NodeVisitor):
    """Writes numbers into the text of one module, from its end to its beginning."""

    def __init__(self, module: _Module, constants: Constants) -> None:
        self._module = module
        self._constants = constants
        self._shadows: list[set[str]] = []
        self._edits: list[tuple[int, int, str]] = []
        self._imports: list[ast.ImportFrom] = []
        self._used: set[str] = set()
        self._starts = [0]
        data = module.source.encode()
        for line in data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def source(self) -> str:
        """The text with everything folded."""
        self.visit(self._module.tree)
        for node in self._imports:
            self._fold_import(node)
        data = self._module.source.encode()
        for begin, end, text in sorted(self._edits, reverse=True):
            data = data[:begin] + text.encode() + data[end:]
        return data.decode()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """What a function calls by the same name is something else."""
        bound = {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load):
                bound.add(part.id)
            if isinstance(part, ast.Global):
                bound.difference_update(part.names)
        self._shadows.append(bound)
        self.generic_visit(node)
        self._shadows.pop()

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """`state.NAME`."""
        name = node.value.id if isinstance(node.value, ast.Name) else ""
        if isinstance(node.ctx, ast.Load) and not self._is_shadowed(name):
            number = _attribute(node, self._module, self._constants)
            if number is not None:
                self._replace(node, number)
                return
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """`NAME`, of this module or imported."""
        if not isinstance(node.ctx, ast.Load) or self._is_shadowed(node.id):
            self._used.add(node.id)
            return
        there, name = self._module.imports.get(node.id, (self._module.name, node.id))
        number = self._constants.get(there, {}).get(name)
        if number is not None:
            self._replace(node, number)
        else:
            self._used.add(node.id)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """At the end: by then it is known what is still used."""
        self._imports.append(node)

    def _fold_import(self, node: ast.ImportFrom) -> None:
        """Names of constants are imported no more, nor are modules of which nothing else was used."""

        def is_kept(alias: ast.alias) -> bool:
            if node.module == "micropython":
                return alias.name != "const"  # the compiler's own: nothing looks it up
            if f"{node.module}.{alias.name}" in self._constants:
                return (alias.asname or alias.name) in self._used
            return alias.name not in self._constants.get(node.module or "", {})

        kept = [alias for alias in node.names if is_kept(alias)]
        if len(kept) == len(node.names):
            return
        text = f"from {node.module} import {', '.join(map(ast.unparse, kept))}" if kept else "pass"
        self._put(node, text)

    def visit_Assign(self, node: ast.Assign) -> None:
        """A definition of public constants goes; private ones the compiler leaves out by itself."""
        names = {name for name, _ in definitions(ast.Module([node], []))}
        known = self._constants[self._module.name]
        if names and all(name in known for name in names) and not self._shadows:
            if len(names) > 1 or not all(name.startswith("_") for name in names):
                self._put(node, "pass")
        else:
            self.generic_visit(node)

    def _is_shadowed(self, name: str) -> bool:
        return any(name in bound for bound in self._shadows)

    def _replace(self, node: ast.expr, number: int) -> None:
        self._put(node, str(number) if number >= 0 else f"({number})")

    def _put(self, node: ast.expr | ast.stmt, text: str) -> None:
        """In place of `node`, and as many lines."""
        end_line, end_col = node.end_lineno or node.lineno, node.end_col_offset or 0
        begin, end = self._starts[node.lineno - 1] + node.col_offset, self._starts[end_line - 1] + end_col
        self._edits.append((begin, end, text + "\n" * (end_line - node.lineno)))
