"""Shares short names among the modules of a slot: each distinct name stays on the heap until the end of a
wake.

MicroPython never frees a name, not even of a module that was unloaded: names were a third of the heap.
What the application itself defines (functions, classes, their members, names of modules) is called by one of
a few short names, the same one wherever it is named; two names share one unless they meet in a module or in
a class. Arguments that no call names become letters. Names that other code may use, or that occur
somewhere as text, stay, and so do errors', which the agent shows. Lines stay as well, so that a traceback
says module and line.

Which short name it is follows from the name itself wherever that one is free, so that a change of one module
leaves most of the others, byte for byte, as they were: an update pulls changed modules only.
"""

import ast
import builtins
import hashlib
import io
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import count
from zlib import crc32

SHORT_NAMES = 59
"""A prime number, above the names that meet anywhere."""
_TYPES = (
    str, bytes, bytearray, memoryview, int, list, dict, set, tuple, BaseException, io.BytesIO, io.FileIO,
    type(hashlib.sha256()),
)  # fmt: skip
_SCOPES = ast.FunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_ERRORS = ("Exception", "OSError")


def rename(sources: Mapping[str, str], outside: Iterable[str] = ()) -> dict[str, str]:
    """The sources, by the names of their modules, with shared names; `outside` are texts of modules which use
    them, or are used by them, and stay as they are."""
    trees = {name: ast.parse(source) for name, source in sources.items()}
    kept = _kept(trees).union(*(_shown(ast.parse(text)) for text in outside))
    words = {word for tree in trees.values() for word in _words(tree)}
    short = _shortened(_spaces(trees), kept, words | kept)
    nodes = (node for tree in trees.values() for node in _nodes(tree))
    keywords = {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
    modules = {name: _Module(sources[name], tree, set(trees)) for name, tree in trees.items()}
    renamed = {name: module.source(short, keywords) for name, module in modules.items()}
    _nodes.cache_clear()
    return renamed


@cache
def _nodes(tree: ast.AST) -> Sequence[ast.AST]:
    """As `ast.walk`, which looks at each module a dozen times."""
    found = [tree]
    for node in found:
        for name in node._fields:
            part = getattr(node, name, None)
            if isinstance(part, ast.AST):
                found.append(part)
            elif isinstance(part, list):
                found += [each for each in part if isinstance(each, ast.AST)]
    return found


def _words(tree: ast.AST) -> Iterator[str]:
    """All names in a module, and those that occur in it as text."""
    return _named(_nodes(tree))


def _named(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg | ast.keyword) and node.arg:
            yield node.arg
        elif isinstance(node, ast.alias):
            yield from f"{node.name}.{node.asname or ''}".split(".")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"[A-Za-z_][\w.]*", node.value):
                yield from node.value.split(".")


def _shown(tree: ast.AST) -> set[str]:
    """The names by which a module may know what is not its own, and be known. What a function calls by a
    name alone is its own, or means the whole module."""
    others = {
        node.attr
        for node in _nodes(tree)
        if isinstance(node, ast.Attribute)
        and not (isinstance(node.value, ast.Name) and node.value.id == "self")
    }
    written = {node.value for node in _nodes(tree) if isinstance(node, ast.Constant)}
    scopes = (node for node in _nodes(tree) if isinstance(node, ast.FunctionDef))
    inside = {part for scope in scopes for part in _nodes(scope) if isinstance(part, ast.Name | ast.arg)}
    words = _named(node for node in _nodes(tree) if node not in inside)
    return {word for word in words if not word.startswith("_") or word in others or word in written}


def _kept(trees: Mapping[str, ast.Module]) -> set[str]:
    """Names that are not the application's alone."""
    kept = {name for kind in (builtins, *_TYPES) for name in dir(kind)} | {"_", *keyword.kwlist}
    errors = set(_ERRORS)
    for name, tree in trees.items():
        kept.update(name.split("."))
        if name.split(".")[1:2] == ["hal"]:  # a board may have a port of its own
            kept.update(word for word in _words(tree) if not word.startswith("_"))
        kept.update(_written(tree))
        kept.update(_of_others(tree, trees))
        kept.update(name for name, _ in definitions(tree))  # the compiler leaves nothing of them
        classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
        errors.update(each.name for each in classes if errors & set(_bases(each)))
    return kept | errors


def _written(tree: ast.Module) -> Iterator[str]:
    """Names that occur as text, where a change would not find them."""
    fields = {field for call in _namedtuples(tree) for field in _texts(call)}
    for node in _nodes(tree):
        if isinstance(node, ast.JoinedStr):
            yield from _words(node)
        for field in ast.iter_child_nodes(node):
            is_text = isinstance(field, ast.Constant) and isinstance(field.value, str)
            # A text by itself is documentation.
            if is_text and field not in fields and not isinstance(node, ast.Expr):
                yield from _words(field)


def _namedtuples(tree: ast.Module) -> Iterator[ast.Call]:
    """The calls that make one, whose texts name it and its fields."""
    for node in _nodes(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "namedtuple":
            yield node


def _texts(call: ast.Call) -> Iterator[ast.Constant]:
    return (node for node in _nodes(call) if isinstance(node, ast.Constant))


def _of_others(tree: ast.Module, trees: Mapping[str, ast.Module]) -> Iterator[str]:
    """What is imported from elsewhere, and what is taken from that."""
    imported: set[str] = set()
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            imported.update(alias.asname or alias.name for alias in node.names if alias.name not in trees)
        elif isinstance(node, ast.ImportFrom) and node.module not in trees:
            imported.update(alias.asname or alias.name for alias in node.names)
    yield from imported
    for node in _nodes(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported:
            yield node.attr


def definitions(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Each `NAME = const(value)` at the top of a module; of `A, B = const(1), const(2)` both."""
    for node in tree.body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
        for name, call in pairs:
            if isinstance(name, ast.Name) and isinstance(call, ast.Call):
                if isinstance(call.func, ast.Name) and call.func.id == "const":
                    yield name.id, call.args[0]


def _spaces(trees: Mapping[str, ast.Module]) -> list[set[str]]:
    """The sets of names that meet: of each module, and of each class with those that it inherits from."""
    spaces = []
    families: dict[str, set[str]] = {}
    for tree in trees.values():
        spaces.append(set(_bound(tree)))
        spaces += [{str(text.value) for text in _texts(call)} for call in _namedtuples(tree)]
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                _join(families, node)
    return spaces + list(families.values())


def _join(families: dict[str, set[str]], node: ast.ClassDef) -> None:
    """Add a class to the members of its family, by the names of the classes in it."""
    mine = {node.name, *_bases(node)} - {*_ERRORS}
    joined = [name for name, family in families.items() if any(families.get(each) is family for each in mine)]
    members = set(_bound(node)).union(*(families[name] for name in joined))
    members |= {part.attr for part in _nodes(node) if isinstance(part, ast.Attribute) and _is_own(part)}
    families.update(dict.fromkeys([*mine, *joined], members))


def _is_own(node: ast.Attribute) -> bool:
    return _is_bound(node) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _bases(node: ast.ClassDef) -> list[str]:
    return [base.attr if isinstance(base, ast.Attribute) else ast.unparse(base) for base in node.bases]


def _is_bound(node: ast.Name | ast.Attribute) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _bound(scope: ast.AST) -> Iterator[str]:
    """The names that a module, class or function binds itself, its arguments among them."""
    if isinstance(scope, ast.FunctionDef | ast.Lambda):
        yield from (arg.arg for arg in _nodes(scope.args) if isinstance(arg, ast.arg))
    todo = list(ast.iter_child_nodes(scope))
    inside = [] if isinstance(scope, ast.Module) else _nodes(scope)
    others = {name for node in inside if isinstance(node, ast.Global) for name in node.names}
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and _is_bound(node) and node.id not in others:
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name
        if not isinstance(node, _SCOPES | ast.ClassDef):
            todo.extend(ast.iter_child_nodes(node))


def _shortened(spaces: list[set[str]], kept: set[str], words: set[str]) -> dict[str, str]:
    """Name -> short name: the one it gets by its CRC, or the next one that nothing it meets has got."""
    capitals = (chr(letter) for letter in range(ord("A"), ord("Z") + 1))
    twos = (f"{chr(65 + i // 26)}{chr(97 + i % 26)}" for i in range(26 * 26))
    free = [name for name in (*capitals, *twos) if name not in words][:SHORT_NAMES]
    names = {name for space in spaces for name in space if name not in kept and not name.startswith("__")}
    short: dict[str, str] = {}
    for name in sorted(names, key=lambda name: (crc32(name.encode()), name)):
        met = {short[other] for space in spaces if name in space for other in space if other in short}
        at = crc32(name.encode()) % SHORT_NAMES
        short[name] = next(each for each in free[at:] + free[:at] if each not in met)
    return short


class _Module(ast.NodeVisitor):
    """The text of a module, changed from its end to its beginning."""

    def __init__(self, text: str, tree: ast.Module, modules: set[str]) -> None:
        self._tree = tree
        self._modules = modules
        self._lines = [line.encode() for line in text.splitlines(keepends=True)]
        self._edits: dict[tuple[int, int], tuple[str, str]] = {}
        self._short: dict[str, str] = {}
        self._local: list[set[str]] = []

    def source(self, short: dict[str, str], keywords: set[str]) -> str:
        """With everything renamed: `short` names by name, arguments unless calls name them (`keywords`)."""
        self._short = short
        self.visit(self._tree)
        for field in (field for call in _namedtuples(self._tree) for field in _texts(call)):
            name, behind_quote = str(field.value), field.col_offset + 1
            self._put(field.lineno, behind_quote, name, short.get(name, name))
        for node in self._tree.body:
            for function in node.body if isinstance(node, ast.ClassDef) else [node]:
                if isinstance(function, ast.FunctionDef):
                    self._rename_arguments(function, keywords)
        for (line, column), (before, after) in sorted(self._edits.items(), reverse=True):
            text = self._lines[line - 1]
            assert text[column : column + len(before)] == before.encode()
            self._lines[line - 1] = text[:column] + after.encode() + text[column + len(before) :]
        return b"".join(self._lines).decode()

    def visit(self, node: ast.AST) -> None:
        """In a function, names that it binds are its own."""
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not self._local:
            self._put_after(node, node.col_offset, node.name)
        if isinstance(node, _SCOPES):
            self._local.append(set(_bound(node)))
            self.generic_visit(node)
            self._local.pop()
        else:
            super().visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """Of the module or the class, unless a function has it."""
        if not any(node.id in names for names in self._local):
            self._put(node.lineno, node.col_offset, node.id, self._short.get(node.id, node.id))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Whatever it is taken from."""
        self.generic_visit(node)
        line, column = node.end_lineno or 0, (node.end_col_offset or 0) - len(node.attr.encode())
        self._put(line, column, node.attr, self._short.get(node.attr, node.attr))

    def visit_Global(self, node: ast.Global) -> None:
        """The names after `global`."""
        for name in node.names:
            self._put_after(node, node.col_offset + len("global"), name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """In a function under the name it has there."""
        for alias in node.names:
            name, here = alias.name, alias.asname or alias.name
            there = self._short.get(name, name) if node.module in self._modules else name
            new = here if self._local else self._short.get(here, here)
            before = f"{name} as {here}" if alias.asname else name
            self._put(alias.lineno, alias.col_offset, before, there if new == there else f"{there} as {new}")

    def _rename_arguments(self, function: ast.FunctionDef, keywords: set[str]) -> None:
        nodes = [part for statement in function.body for part in _nodes(statement)]
        used = {part.id for part in nodes if isinstance(part, ast.Name)}
        fixed = keywords | _fixed(nodes) | {"self"}
        arguments = [argument for argument in function.args.args if argument.arg not in fixed]
        letters = _letters(used | fixed)
        renamed = dict(zip((argument.arg for argument in arguments), letters, strict=False))
        for part in (*arguments, *nodes):
            name = part.id if isinstance(part, ast.Name) else part.arg if isinstance(part, ast.arg) else ""
            if name in renamed and isinstance(part, ast.Name | ast.arg):
                self._put(part.lineno, part.col_offset, name, renamed[name])

    def _put_after(self, node: ast.stmt, column: int, name: str) -> None:
        found = re.search(rf"\b{name}\b", self._lines[node.lineno - 1][column:].decode())
        assert found
        self._put(node.lineno, column + found.start(), name, self._short.get(name, name))

    def _put(self, line: int, column: int, before: str, after: str) -> None:
        if before != after:
            self._edits[line, column] = (before, after)


def _fixed(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that a function binds in another way than by an assignment."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.JoinedStr):
            found.update(_words(node))
    return found


def _letters(used: set[str]) -> Iterator[str]:
    """Letters that are not in use."""
    for number in count():
        name = "abcdefghijklmnopqrstuvwxyz"[number % 26] * (1 + number // 26)
        if name not in used:
            yield name
