"""Fault injection, power cuts, random bytes, long trips, benchmarks. The firmware can be imported here."""

from tools.flash.layout import put_firmware_on_path

put_firmware_on_path()
