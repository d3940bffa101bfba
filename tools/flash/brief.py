"""Removes parts of a module's text that the device does not need, and keeps line numbers.

A docstring leaves no text in the bytecode but a step in its table of lines. `from locator.codec import cbor`
keeps the name of the package in each module that says so; `from ..codec import cbor` says the same.
"""

import ast


def brief(text: str, name: str, is_package: bool = False) -> str:
    """The text of the module `name`, without docstrings and with its imports relative to it. One that is no
    Python stays as it is: the compiler says where."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return text
    lines = text.splitlines(keepends=True)
    package = name.split(".") if is_package else name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            line = lines[node.lineno - 1]
            said = f"from {node.module} "
            assert line[node.col_offset :].startswith(said)
            here = f"from {_relative(node.module.split('.'), package)} "
            lines[node.lineno - 1] = line[: node.col_offset] + here + line[node.col_offset + len(said) :]
        body = getattr(node, "body", None)
        idle = [statement for statement in body if _is_idle(statement)] if isinstance(body, list) else []
        if idle != body or node is tree:
            for statement in idle:
                for number in range(statement.lineno - 1, statement.end_lineno or 0):
                    lines[number] = "\n"
    return "".join(lines)


def _is_idle(statement: ast.stmt) -> bool:
    """Whether it does nothing: a text, or `pass`."""
    is_value = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_value or isinstance(statement, ast.Pass)


def _relative(module: list[str], package: list[str]) -> str:
    """How a module of `package` names `module`; as it is when they have nothing in common."""
    common = 0
    for mine, theirs in zip(package, module, strict=False):
        if mine != theirs:
            break
        common += 1
    if not common:
        return ".".join(module)
    return "." * (len(package) - common + 1) + ".".join(module[common:])
