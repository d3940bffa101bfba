"""The configuration file, with environment variables on top: reading, checking and printing it.

`LANDBRIDGE_CONFIG` names the file (default ./landbridge.toml); `LANDBRIDGE_<SECTION>_<KEY>`
overrides one key. `annotated` prints it all, so the documentation cannot drift.

| reads | file | variables | relative paths |
|---|---|---|---|
| `load` | must exist | yes | from the folder of the file |
| `load_unresolved` | default one may be missing | yes | as written |
| `load_file_only` | any, may be missing | no | as written |
"""

import json
import os
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from landbridge.config import PATH, Config, Openid, is_server
from landbridge.core import files
from landbridge.core.checked import SECRET, Between, Sentences, Where, checked, kind, marks, parts
from landbridge.core.errors import UserError

FILE_VARIABLE = "LANDBRIDGE_CONFIG"
DEFAULT_FILE = "landbridge.toml"
TOO_OPEN = 0o027
"""Mode bits that let others than the owner write a file, or others than the group read it."""

_OF_FILE = Sentences(
    unknown="{table}: unknown key {key!r}; choose from {known}",
    no_table="{at} must be a section, not a value",
)
_OF_VARIABLES = Sentences(lambda where: _variable(*where), wrong="{at}={value} must be {wanted}")


def _variable(section: Any, name: Any) -> str:
    return f"LANDBRIDGE_{section}_{name}".upper()


class _Key(NamedTuple):
    """A key of a section, by the names and marks of its field."""

    section: str
    name: str
    annotation: Any
    description: str

    @property
    def variable(self) -> str:
        """The environment variable that overrides it."""
        return _variable(self.section, self.name)

    def of_text(self, text: str) -> Any:
        """The value of the variable; the text itself where that is none."""
        if kind(self.annotation) is str:
            return text
        try:
            return json.loads(text.lower())
        except (ValueError, RecursionError):
            return text

    def is_marked(self, mark: str) -> bool:
        """Whether it is a secret, or a path."""
        return mark in marks(self.annotation)


def _keys(section: str) -> Iterator[_Key]:
    model = parts(Config)[section]
    annotations = parts(model)
    for each in fields(model):
        yield _Key(section, each.name, annotations[each.name], each.metadata["description"])


def load() -> Config:
    """Return file and variables, to run with: relative paths lead from the folder of the file."""
    return from_folder(load_unresolved(must_exist=True), _file().absolute().parent)


def from_folder(config: Config, folder: Path) -> Config:
    """The same settings; relative paths lead from `folder`."""
    return Config(**{name: _from_folder(name, getattr(config, name), folder) for name in parts(Config)})


def load_unresolved(must_exist: bool) -> Config:
    """Return file and variables with relative paths as written; `UserError` names what is wrong and the
    remedy.

    Without `must_exist`, the default file may be missing: then all keys have their defaults.
    """
    path = _file()
    given = _read(path) if path.exists() or must_exist or FILE_VARIABLE in os.environ else {}
    for section, values in _environment().items():
        if isinstance(table := given.get(section, {}), dict):
            given[section] = table | values
    found = checked(Config, given, replace(_OF_FILE, at=lambda where: _place(path, where)))
    _check_new_users(found.openid)
    return found


def _check_new_users(it: Openid) -> None:
    """`UserError` if everybody with an account at the provider could see the whole fleet."""
    if it.issuer and it.new_users and not (it.role_claim or it.tenant_claim):
        raise UserError(
            "[openid] new_users = true lets everybody with an account at the issuer see the whole fleet: name"
            " the claim that lets people in as role_claim or tenant_claim, or set new_users = false and"
            " invite people"
        )


def load_file_only(path: Path) -> Config:
    """Return a file without variables, for set-up, which changes it; all defaults if there is none."""
    given = _read(path) if path.exists() else {}
    return checked(Config, given, replace(_OF_FILE, at=lambda where: _place(path, where)))


def _place(path: Path, where: Where) -> str:
    section = "".join(f" [{each}]" for each in where[:1])
    return f"{path}{section}{''.join(f' {each}' for each in where[1:])}"


def _environment() -> dict[str, dict[str, Any]]:
    """The values of variables, by section and key; `UserError` names the variable that is wrong."""
    found: dict[str, dict[str, Any]] = {}
    for each in (each for section in parts(Config) for each in _keys(section)):
        if (text := os.environ.get(each.variable)) is not None:
            found.setdefault(each.section, {})[each.name] = each.of_text(text)
    checked(Config, found, _OF_VARIABLES)
    return found


def _file() -> Path:
    return Path(os.environ.get(FILE_VARIABLE, DEFAULT_FILE))


def _from_folder(section: str, values: Any, folder: Path) -> Any:
    paths = {each.name: getattr(values, each.name) for each in _keys(section) if each.is_marked(PATH)}
    return replace(
        values,
        **{name: str(folder / path) for name, path in paths.items() if path and "://" not in path},
    )


def exposed() -> str | None:
    """Return what is wrong with the permissions of the configuration file; None if they are right or it has
    no secret."""
    path = _file()
    if not path.exists() or not (mode := path.stat().st_mode & 0o777) & TOO_OPEN:
        return None
    given = _read(path)
    secrets = [
        f"[{section}] {each.name}"
        for section in parts(Config)
        for each in _keys(section)
        if each.is_marked(SECRET) and given.get(section, {}).get(each.name)
    ]
    if "@" in (database := str(given.get("store", {}).get("database", ""))) and is_server(database):
        secrets += ["[store] database"] if ":" in database.split("://")[1].rpartition("@")[0] else []
    if not secrets:
        return None
    return (
        f"others may use {path}, its mode is {mode:o}, and {', '.join(secrets)} is in it: `chmod 600 {path}`"
    )


def annotated(config: Config, with_secrets: bool = False) -> str:
    """`config` as a TOML file in which each key is explained; secrets are shown only on request."""
    lines = [
        "# Landbridge agent. Each key can be overridden by an environment variable",
        "# LANDBRIDGE_<SECTION>_<KEY>, for instance LANDBRIDGE_BROKER_PASSWORD.",
        "# Relative paths, also in variables, start at the folder of this file.",
    ]
    for section, model in parts(Config).items():
        values = getattr(config, section)
        lines += ["", f"# {model.__doc__}", f"[{section}]"]
        for each in _keys(section):
            lines += [
                f"# {each.description}{_range(each.annotation)}",
                _assignment(each, getattr(values, each.name), with_secrets),
            ]
    return "\n".join(lines) + "\n"


def _range(annotation: Any) -> str:
    """What a number may be, as a sentence."""
    return "".join(f" {each.range}." for each in marks(annotation) if isinstance(each, Between))


def _assignment(each: _Key, value: str | int | bool, with_secrets: bool) -> str:
    if each.is_marked(SECRET) and value and not with_secrets:
        return f"# {each.name} is set and not shown"
    # JSON's strings, integers and booleans are TOML's.
    return f"{each.name} = {json.dumps(value)}"


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UserError(
            f"no configuration {path}: `landbridge setup` writes one; or name the folder of yours by --data"
        )
    return files.toml_of(files.text(path), str(path))
