"""Makes a dataclass of a table in a file: an error names what has another type than its field."""

from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, get_args, get_origin

from landbridge.core.errors import UserError

_SAID = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple[str, ...]: "a list of texts",
    tuple[int, ...]: "a list of whole numbers",
}


def made(where: str, kind: type[Any], table: Any) -> Any:
    """A `kind` of what the table has; `UserError` names the key that is wrong."""
    known = {key.name: key.type for key in fields(kind)}
    if not isinstance(table, Mapping):
        raise UserError(f"{where} is no table of {', '.join(known)}")
    for name in table:
        if name not in known:
            raise UserError(f"{where}: no {name}; known are {', '.join(known)}")
    return kind(**{name: checked(f"{where}.{name}", known[name], value) for name, value in table.items()})


def checked(where: str, kind: Any, value: Any) -> Any:
    """The value as a `kind`, lists as tuples; `UserError` if it is none."""
    try:
        return _read(kind, value)
    except (TypeError, ValueError):
        raise UserError(f"{where} = {value!r} must be {_said(kind)}") from None


def _read(kind: Any, value: Any) -> Any:
    if isinstance(kind, UnionType):  # or None, which no file has
        return _read(get_args(kind)[0], value)
    is_list = isinstance(value, list | tuple)
    if get_origin(kind) is tuple and is_list:
        return tuple(_read(get_args(kind)[0], each) for each in value)
    if hasattr(kind, "_fields") and is_list:
        parts = zip(kind.__annotations__.values(), value, strict=True)
        return kind(*(_read(*each) for each in parts))
    if type(value) is kind or (kind is float and type(value) is int):
        return value
    raise TypeError


def _said(kind: Any) -> str:
    if isinstance(kind, UnionType):
        return _said(get_args(kind)[0])
    return _SAID.get(kind) or f"a list of [{', '.join(get_args(kind)[0]._fields)}]"
