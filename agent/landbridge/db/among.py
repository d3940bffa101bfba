"""Whether a column is one of many texts, which go to the database as one value: an IN is written again, with
a parameter for each of them, at every execution."""

from collections.abc import Iterable
from typing import Any, Self

import orjson
from sqlalchemy import ARRAY, Boolean, Column, ColumnElement, Dialect, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Texts(TypeDecorator[Any]):
    """A JSON array for SQLite, an array for PostgreSQL."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value if dialect.name == "postgresql" else orjson.dumps(value).decode()


class _Among(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Self:
        """As it is: with the `= 1` that a function of truth gets otherwise, SQLite uses no index."""
        return self


@compiles(_Among, "sqlite")
def _on_sqlite(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, texts = (compiler.process(each, **more) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({texts}))"


@compiles(_Among, "postgresql")
def _on_postgresql(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, texts = (compiler.process(each, **more) for each in element.clauses)
    return f"{column} = ANY ({texts})"


def among(column: Column[Any], texts: Iterable[str]) -> ColumnElement[bool]:
    """The condition."""
    return _Among(column, bindparam(None, list(texts), _Texts()))


def among_given(column: Column[Any]) -> ColumnElement[bool]:
    """The condition of a statement that is made once, since to make it takes longer than to execute it; each
    execution is given the list of texts as `texts`."""
    return _Among(column, bindparam("texts", type_=_Texts()))
