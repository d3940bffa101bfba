"""What people write into files, checked by pydantic against a dataclass, and the one sentence that says
what is wrong with it.

A model is a frozen dataclass: its annotations say what a value may be (`Wanted`), its fields what a key
means (`key`). Values are as strict as JSON: 1 is neither true nor "1". pydantic is loaded by the first
check: a command that reads no file need not wait for it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, is_dataclass
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from landbridge.core.errors import UserError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
Where = tuple[str | int, ...]
"""The keys that lead to a value."""
_NOTHING: list[Any] = [[]]
"""Taken by no field, in place of what JSON does not have."""
_CONFIG = {"strict": True, "extra": "forbid", "allow_inf_nan": False}
_USUAL = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "dict": "a table",
    "tuple": "a list",
}
"""What is wanted where an annotation has no words of its own."""
_NAMES = {"finite_number": "float", "string_type": "str"}
"""The type that a value lacks, where pydantic's type of an error does not begin with its name."""


class Wanted:
    """Part of an annotation: what a value must be, in words; how, by limits of pydantic's core schema
    (`ge`, `le`, `pattern`, `max_length`), by a function, or by both."""

    def __init__(self, words: str, holds: Callable[[Any], bool] | None = None, **limits: Any) -> None:
        self.words = words
        self._holds, self._limits = holds, limits

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        schema: Any = {**handler(source), **self._limits}
        if self._holds:
            schema = core_schema.no_info_after_validator_function(self._checked, schema)
        return core_schema.custom_error_schema(schema, "wanted", custom_error_message=self.words)

    def _checked(self, value: Any) -> Any:
        from pydantic_core import PydanticCustomError

        if self._holds and not self._holds(value):
            raise PydanticCustomError("wanted", "{words}", {"words": self.words})
        return value


class Between(Wanted):
    """A number within limits, both included."""

    def __init__(self, low: float, high: float, words: str = "") -> None:
        self.range = f"{low:.15g} to {high:.15g}"
        super().__init__(words or f"a number from {self.range}", ge=low, le=high)


class Within(Wanted):
    """A number of a table within limits; a text that is no number is said to be none."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__(f"between {low:g} and {high:g}", lambda value: low <= value <= high)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._checked, handler(source))


def one_of(values: Sequence[Any]) -> Wanted:
    """One of these, and nothing else."""
    return Wanted(f"one of {', '.join(map(str, values))}", lambda value: value in values)


Texts = Annotated[tuple[str, ...], Wanted("a list of texts")]
Numbers = Annotated[tuple[int, ...], Wanted("a list of whole numbers")]


def strict(model: type[T]) -> type[T]:
    """Have pydantic convert nothing in a dataclass and take no other keys."""
    model.__pydantic_config__ = _CONFIG  # type: ignore[attr-defined]
    return model


def key(default: Any, description: str) -> Any:
    """A key of a model with its default (`...`: it must be given), and what it means."""
    return field(default=MISSING if default is ... else default, metadata={"description": description})


def name_of(where: Where) -> str:
    """Keys with dots between, as TOML has them."""
    return ".".join(map(str, where))


@dataclass(frozen=True)
class Sentences:
    """How a kind of file says what is wrong: `at` is where, `table` where the table around it is, `wanted`
    what must be there, `known` the keys that may."""

    at: Callable[[Where], str] = name_of
    wrong: str = "{at} = {value} must be {wanted}"
    unknown: str = "{table}: no {key}; known are {known}"
    missing: str = "{at} is missing; it must be {wanted}"
    no_table: str = "{at} is no table of {known}"
    shown: Callable[[Any], str] = repr


def checked(model: type[T], given: Any, says: Sentences) -> T:
    """The model of what a file of TOML or JSON says. `UserError` names one key that is wrong."""
    return cast(T, _made(model, "validate_json", json.dumps(_as_json(given)), given, says))


def checked_row(model: type[T], row: Mapping[str, Any], says: Sentences) -> T:
    """The model of the cells of a row, texts or None; columns that it does not have are left out."""
    cells = {name: row[name] for name in parts(model) if row.get(name) is not None}
    return cast(T, _made(model, "validate_strings", cells, row, says))


def _made(model: Any, how: str, data: Any, given: Any, says: Sentences) -> Any:
    from pydantic import ValidationError

    try:
        return getattr(_adapter(model), how)(data)
    except ValidationError as error:
        raise UserError(_said(error, model, given, says)) from None


def parts(annotation: Any) -> dict[str, Any]:
    """The annotation of each key of a model; empty: it is none."""
    model = kind(annotation)
    return get_type_hints(model, include_extras=True) if is_dataclass(model) else {}


def wanted(annotation: Any) -> str:
    """What its value must be, in words."""
    found = [each.words for each in getattr(annotation, "__metadata__", ()) if isinstance(each, Wanted)]
    name = getattr(kind(annotation), "__name__", "")
    return found[0] if found else _USUAL.get(name, "a table")


@cache
def _adapter(model: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(model)


def _said(error: "ValidationError", model: Any, given: Any, says: Sentences) -> str:
    # A key that is misspelt is missing as well: how it is spelt is what helps.
    found = min(error.errors(), key=lambda each: each["type"] != "unexpected_keyword_argument")
    problem, where = found["type"], found["loc"]
    at, annotation = says.at(where), _of(model, where)
    if problem == "unexpected_keyword_argument":
        *table, name = where
        known = ", ".join(parts(_of(model, tuple(table))))
        return says.unknown.format(at=at, table=says.at(tuple(table)), key=name, known=known)
    if problem == "dataclass_type":
        return says.no_table.format(at=at, known=", ".join(parts(annotation)))
    if problem == "missing":
        return says.missing.format(at=at, wanted=wanted(annotation))
    words = found["msg"] if problem == "wanted" else _USUAL[_NAMES.get(problem, problem.partition("_")[0])]
    return says.wrong.format(at=at, value=says.shown(_value(given, where)), wanted=words)


def _value(given: Any, where: Where) -> Any:
    for each in where:
        try:
            given = given[each]
        except (LookupError, TypeError):
            break
    return given


def _of(annotation: Any, where: Where) -> Any:
    """The annotation to which these keys lead."""
    for each in where:
        model = kind(annotation)
        if is_dataclass(model):
            annotation = parts(model).get(str(each))
        else:
            annotation = (get_args(model) or (None,))[1 if get_origin(model) is dict else 0]
    return annotation


def kind(annotation: Any) -> Any:
    """Its type, without what is said of it, and without None."""
    while get_origin(annotation) is Annotated or NoneType in get_args(annotation):
        annotation = get_args(annotation)[0]
    return annotation


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text(name): _as_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    if value is None or (isinstance(value, str) and _text(value) == value) or isinstance(value, int | float):
        return value
    return _NOTHING


def _text(text: str) -> str:
    return text.encode(errors="replace").decode()
