"""Conditions that a column is one of many texts. The list is one parameter, because SQLAlchemy renders an IN
again, with a parameter for each text, at every execution."""

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
        """Without the `= 1` that SQLAlchemy appends to a boolean function: with it SQLite uses no index."""
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
    """Return the condition."""
    return _Among(column, bindparam(None, list(texts), _Texts()))


def among_given(column: Column[Any]) -> ColumnElement[bool]:
    """Return the condition for a statement that is compiled once, which takes longer than to execute it; each
    execution passes the list as `texts`."""
    return _Among(column, bindparam("texts", type_=_Texts()))
