"""Prints the files that are made from docs/reference/settings.toml: `python -m tools.flash.settings_schema`.

The device's table, the agent's copy and the table for people.
"""

import textwrap
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tools.flash.layout import REPOSITORY

PROTOCOL = REPOSITORY / "docs" / "reference"
SOURCE = PROTOCOL / "settings.toml"
_DEVICE = '''"""The settings: index, default and range of each.

From docs/reference/settings.toml by tools/flash/settings_schema.py: change it there.
"""

from array import array

from micropython import const

{indexes}

# fmt: off
_DEFAULTS = (
    {defaults}
)
_LOWEST = (
    {lowest}
)
_HIGHEST = (
    {highest}
)
# fmt: on


def defaults():
    """A new array of all settings at their defaults."""
    return array("i", _DEFAULTS)


def is_good(key, value):
    """Whether `value` (of any type) may be that of setting `key`; False for a key that is none."""
    return 0 <= key < len(_DEFAULTS) and type(value) is int and _LOWEST[key] <= value <= _HIGHEST[key]
'''
_TABLE = """# Settings

For operators. After reading you know each setting, its default and its range.

`landbridge settings set` changes them ([steps](../guide/settings-and-commands.md)). A name ends in
its unit.

Made from [settings.toml](settings.toml) by `tools/flash/settings_schema.py`.

```text
{rows}
```
"""
_ROW = "{key:>3}  {name:<20}  {default:>7}  {lowest:>6}  {highest:>6}  {help}"


def made() -> dict[Path, str]:
    """Each file that follows from the source, with its text."""
    text = SOURCE.read_text()
    settings: list[dict[str, Any]] = tomllib.loads(text)["setting"]
    if [each["key"] for each in settings] != list(range(len(settings))):
        raise ValueError(f"{SOURCE}: the keys must be 0, 1, 2, ...")
    indexes = (f"{each['name'].upper()} = const({each['key']})  # {each['help']}" for each in settings)
    limits = ("default", "lowest", "highest")
    default, lowest, highest = (_wrapped(str(each[name]) for each in settings) for name in limits)
    device = _DEVICE.format(indexes="\n".join(indexes), defaults=default, lowest=lowest, highest=highest)
    heads = {
        "key": "key",
        "name": "name",
        "default": "default",
        "lowest": "from",
        "highest": "to",
        "help": "meaning",
    }
    rows = (_ROW.format(**each) for each in [heads, *settings])
    return {
        REPOSITORY / "firmware" / "locator" / "settings.py": device,
        REPOSITORY / "agent" / "landbridge" / "protocol" / "settings.toml": text,
        PROTOCOL / "settings.md": _TABLE.format(rows="\n".join(rows)),
    }


def _wrapped(values: Iterable[str]) -> str:
    """Values of a tuple over as many lines as they need."""
    return textwrap.fill(", ".join(values), 100).replace("\n", "\n    ")


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text)
