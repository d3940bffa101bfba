"""The registry of simulated modems."""

from importlib import import_module
from typing import Literal, get_args

from tools.modem.dialect import Dialect as Firmware

Dialect = Literal["bg95", "sim7600"]
"""A folder each, whose `dialect.py` has its DIALECT."""
DIALECTS: dict[Dialect, Firmware] = {
    name: import_module(f"tools.modem.{name}.dialect").DIALECT for name in get_args(Dialect)
}
