"""Checks files that people write, by pydantic against a dataclass; an error is one sentence.

A model is a frozen dataclass: its annotations say what a value may be (`Wanted`), its fields what a key
means (`key`). Values are as strict as JSON: 1 is neither true nor "1". pydantic is loaded by the first
check: a command that reads no file need not wait for it.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from landbridge.core.errors import UserError
from landbridge.core.texts import _, gettext

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
Where = tuple[str | int, ...]
"""The keys that lead to a value."""
_CONFIG = {"strict": True, "extra": "forbid", "allow_inf_nan": False}
_USUAL = {
    "bool": "true or false",
    "int": _("a whole number"),
    "float": _("a number"),
    "str": _("a text"),
    "Any": "a text, a number, true or false",
}
_LISTS = {"int": "a list of whole numbers", "float": "a list of numbers", "str": "a list of texts"}
"""The wording where an annotation has none of its own."""
_OUTSIDE = ("greater_than_equal", "less_than_equal")
_THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?\s*")
_ODD: list[Any] = [[]]
"""Stands for a date, which JSON does not have and no field accepts."""
SECRET = "secret"
"""Part of the annotation of a value that no error shows."""


class Wanted:
    """Part of an annotation: what a value must be, in words; how, by limits of pydantic's core schema
    (`ge`, `le`, `pattern`, `max_length`), by a function, or by both."""

    problem = "wanted"
    """The type of its error."""

    def __init__(self, words: str, holds: Callable[[Any], bool] | None = None, **limits: Any) -> None:
        self.words = words
        self._holds, self._limits = holds, limits

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        schema: Any = {**handler(source), **self._limits}
        if self._holds:
            schema = core_schema.no_info_after_validator_function(self._checked, schema)
        return core_schema.custom_error_schema(schema, self.problem, custom_error_message=self.words)

    def _checked(self, value: Any) -> Any:
        if self._holds and not self._holds(value):
            raise ValueError
        return value


class Between(Wanted):
    """A number within limits, both included."""

    def __init__(self, low: float, high: float, words: str = "") -> None:
        self.range = f"{low:.15g} to {high:.15g}"
        super().__init__(words or f"a number from {self.range}", ge=low, le=high)


class Named(Wanted):
    """The kind of a value, for example "network", for the error that a value is not one."""

    problem = "named"


class Itself(Wanted):
    """For the list or table itself: its items have their own wording."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return {**handler(source), **self._limits}


class Validated(Wanted):
    """Return why a value of the right type is refused; empty if it is accepted."""

    def __init__(self, words: str, why: Callable[[Any], str]) -> None:
        super().__init__(words)
        self._why = why

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._validated, handler(source))

    def _validated(self, value: Any) -> Any:
        from pydantic_core import PydanticCustomError

        if why := self._why(value):
            raise PydanticCustomError(self.problem, "{why}", {"why": why})
        return value


class Within(Itself):
    """A number in a table row, within limits; text that is no number gets a clear error."""

    what = _("a number")

    def __init__(self, low: float, high: float) -> None:
        super().__init__(self.what, ge=low, le=high)
        limits = {"low": f"{low:.15g}", "high": f"{high:.15g}"}
        self.outside = _("between {low} and {high}", **limits)


class WholeWithin(Within):
    """The same for digits only: pydantic would accept 1.0 as 1."""

    what = _("a whole number")

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        digits = core_schema.str_schema(pattern="^[+-]?[0-9]+$", strip_whitespace=True)
        number = core_schema.int_schema(strict=False, **self._limits)
        return core_schema.chain_schema([digits, number])


def one_of(values: Iterable[Any]) -> Wanted:
    """One of these values."""
    known = tuple(values)
    words = _("one of {values}", values=", ".join(map(str, known)))
    return Wanted(words, lambda value: value in known)


def strict(model: type[T]) -> type[T]:
    """Turn off pydantic's conversions in a dataclass, and refuse unknown keys."""
    model.__pydantic_config__ = _CONFIG  # type: ignore[attr-defined]
    return model


def key(default: Any, description: str = "", **others: Any) -> Any:
    """Describe a key of a model: its default (`...`: required) and its meaning. `alias` is its name in the
    file, where that is a reserved word of Python."""
    metadata = {"description": description, **others}
    return field(default=MISSING if default is ... else default, metadata=metadata)


def name_of(where: Where) -> str:
    """The keys joined by dots, as in TOML."""
    return ".".join(str(each) for each in where if each != "[key]")


@dataclass(frozen=True)
class Sentences:
    """The wording of errors for a kind of file: `at` is the key, `table` the table around it, `wanted` the
    required value, `known` the allowed keys."""

    at: Callable[[Where], str] = name_of
    wrong: str = "{at} = {value} must be {wanted}"
    named: str = "{at}: {value} is no {wanted}"
    unknown: str = "{table}: no {key}; choose from {known}"
    missing: str = "{at} is missing; it must be {wanted}"
    no_table: str = "{at} must be a table of {known}"
    shown: Callable[[Any], str] = repr


def checked(model: type[T], given: Any, says: Sentences) -> T:
    """Return the model of the content of a TOML or JSON file. `UserError` names the first wrong key."""
    from pydantic import ValidationError

    odd = [where for where, value in _leaves(given, ()) if not _is_json(value)]
    data = json.dumps(given, default=lambda _: _ODD, ensure_ascii=False).encode(errors="replace")
    try:
        found = _adapter(cast(Any, model)).validate_json(data)
    except ValidationError as error:
        raise UserError(_said(error, model, given, says)) from None
    if odd:
        raise UserError(_wrong(model, given, says, odd[0]))
    return cast(T, found)


def checked_row(model: type[T], row: Mapping[str, Any], where: str, has_decimal_commas: bool = False) -> T:
    """The model of the cells of a row, texts or None; an empty one is that of a column with a default.

    Columns that the model does not have are left out. `UserError` names the column; `where` is the row. With
    `has_decimal_commas`, 29,56 is a number too; 1,234 is refused where 1234 would be accepted as well.
    """
    from pydantic import ValidationError

    known: Any = model
    cells = {
        name: cell
        for name, least in _columns(known).items()
        if (cell := row.get(name)) is not None and len(cell) >= least
    }
    for name in sorted(cells.keys() & _fractions(known)) if has_decimal_commas else ():
        _check_thousands(parts(known)[name], cells[name], cell_at(where, name))
        cells[name] = cells[name].replace(",", ".")
    try:
        return cast(T, _adapter(known).validate_strings(cells))
    except ValidationError as error:
        raise UserError(_said(error, model, row, _of_row(where))) from None


def _check_thousands(annotation: Any, text: str, at: str) -> None:
    """`UserError` for a number whose commas may separate thousands."""
    from pydantic import ValidationError

    if not _THOUSANDS.fullmatch(text):
        return
    whole = text.replace(",", "").strip()
    with suppress(ValidationError):
        _adapter(annotation).validate_strings(whole)
        raise UserError(
            _(
                "{cell}: the comma in {value} may separate thousands; write it with a decimal point and"
                " without a comma, like {whole}",
                cell=at,
                value=repr(text),
                whole=whole,
            )
        )


def cell_at(row: str, column: str) -> str:
    """Return the place of a cell, in words."""
    return _("{row}, column {column}", row=row, column=column)


def _of_row(row: str) -> Sentences:
    return Sentences(
        at=lambda where: cell_at(row, name_of(where)),
        wrong=_("{at}: {value} is not {wanted}"),
        missing=_("{at}: None is not {wanted}"),
        shown=lambda text: text if _is_number(text) else repr(text),
    )


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


@cache
def _columns(model: Any) -> dict[str, int]:
    """Return the minimum length of a cell for each column."""
    return {
        name: int(each.default is not MISSING) for name, each in zip(parts(model), fields(model), strict=True)
    }


@cache
def _fractions(model: Any) -> frozenset[str]:
    """Return the columns whose numbers may have a decimal fraction."""
    return frozenset(name for name, annotation in parts(model).items() if kind(annotation) is float)


def parts(annotation: Any) -> dict[str, Any]:
    """Return the annotation of each key of a model; empty if it is not a model."""
    return _parts(kind(annotation))


@cache
def _parts(model: Any) -> dict[str, Any]:
    if not is_dataclass(model):
        return {}
    hints = get_type_hints(model, include_extras=True)
    return {each.metadata.get("alias", each.name): hints[each.name] for each in fields(model)}


def marks(annotation: Any) -> tuple[Any, ...]:
    """Return the wording for a type, also for one that may be None."""
    if NoneType in get_args(annotation):
        annotation = get_args(annotation)[0]
    return getattr(annotation, "__metadata__", ())


def wanted(annotation: Any) -> str:
    """Return what a value must be, in words."""
    found = [each.words for each in marks(annotation) if isinstance(each, Wanted)]
    model = kind(annotation)
    words, model = (_LISTS, get_args(model)[0]) if get_origin(model) is tuple else (_USUAL, model)
    return found[0] if found else words.get(getattr(kind(model), "__name__", ""), "a table")


@cache
def _adapter(model: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(model)


def _said(error: "ValidationError", model: Any, given: Any, says: Sentences) -> str:
    # A misspelt key is missing as well; the error shows the right spelling.
    found = min(error.errors(), key=lambda each: each["type"] != "unexpected_keyword_argument")
    problem, where = found["type"], found["loc"]
    at, annotation = says.at(where), _of(model, where)
    if problem == "unexpected_keyword_argument":
        *table, name = where
        known = ", ".join(parts(_of(model, tuple(table))))
        return gettext(says.unknown, at=at, table=says.at(tuple(table)), key=name, known=known)
    if problem == "dataclass_type":
        return gettext(says.no_table, at=at, known=", ".join(parts(annotation)))
    if problem == "missing":
        return gettext(says.missing, at=at, wanted=wanted(annotation))
    if problem == Named.problem:
        says = replace(says, wrong=says.named)
    said = {str(mark.words): mark.words for mark in marks(annotation) if isinstance(mark, Wanted)}
    own = [said.get(found["msg"], found["msg"])] if problem in {Wanted.problem, Named.problem} else []
    own += [mark.outside for mark in marks(annotation) if isinstance(mark, Within) and problem in _OUTSIDE]
    return _wrong(model, given, says, where, *own)


def _wrong(model: Any, given: Any, says: Sentences, where: Where, words: str | None = None) -> str:
    annotation = _of(model, where)
    value = "..." if SECRET in marks(annotation) else says.shown(_value(given, where))
    return gettext(says.wrong, at=says.at(where), value=value, wanted=words or wanted(annotation))


def _value(given: Any, where: Where) -> Any:
    for each in where:
        try:
            given = given[each]
        except (LookupError, TypeError):
            break
    return given


def _of(annotation: Any, where: Where) -> Any:
    """Return the annotation to which these keys lead."""
    for each in where:
        model = kind(annotation)
        if is_dataclass(model):
            annotation = parts(model).get(str(each), Any)
        else:
            annotation = (get_args(model) or (Any, Any))[1 if get_origin(model) is dict else 0]
    return annotation


def kind(annotation: Any) -> Any:
    """Return the type without its annotations and without None."""
    while get_origin(annotation) is Annotated or NoneType in get_args(annotation):
        annotation = get_args(annotation)[0]
    return annotation


def _leaves(value: Any, where: Where) -> Iterator[tuple[Where, Any]]:
    if not isinstance(value, dict | list):
        yield where, value
        return
    for each, part in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(part, (*where, each))


def _is_json(value: Any) -> bool:
    """Whether JSON has this value: TOML also has dates, and a variable or a name may be invalid text."""
    if isinstance(value, str):
        return value.encode(errors="ignore").decode() == value
    return value is None or isinstance(value, int | float)
