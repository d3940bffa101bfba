"""Any file given to a command: errors are one line that names the file, without a traceback."""

from pathlib import Path

import pytest
from landbridge import cli

DEEP = 200_000
COMMANDS = {
    "geofences": ("geofences", "add", "Warehouse"),
    "routes": ("routes", "add", "w1"),
    "cells": ("cells", "import"),
    "policy": ("esim", "set-policy"),
    "classes": ("controls", "test"),
    "classes set": ("controls", "set"),
    "adopt": ("devices", "adopt", "lb-0009"),
}
CONTENTS = {
    "json": "[" * DEEP,
    "geojson": '{"type": "Polygon", "coordinates": ' + "[" * 900 + "]" * 900 + "}",
    "toml": "a = " + "[" * DEEP,
    "field": "name,country,lat,lon,kind\n" + "x" * 200_000 + ",CN,1,1,hub\n",
    "quoted": 'name,country,lat,lon,kind\n"' + "x\n" * 200_000,
    "binary": "\0\x1b\x7f" * 10,
    "bytes": "\udcff\udcfe",
}


def end(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command says when it ends with code 2."""
    with pytest.raises(SystemExit) as ended:
        cli.app(arguments)
    said = capsys.readouterr().err
    assert ended.value.code == 2, said
    assert said.count("\n") == 1 and said.startswith("landbridge: "), said
    return said


def spelled(command: tuple[str, ...], file: str) -> list[str]:
    return [*command, file, *(["lb-0001"] if command[-1] == "set-policy" else [])]


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("name", COMMANDS)
def test_an_invalid_file_is_reported(installation, tmp_path, capsys, name, content):
    file = tmp_path / "given"
    file.write_bytes(CONTENTS[content].encode(errors="surrogateescape"))
    end(capsys, *spelled(COMMANDS[name], str(file)))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_without_end_is_not_read_to_its_end(installation, capsys, name):
    said = end(capsys, *spelled(COMMANDS[name], "/dev/zero"))
    assert "/dev/zero" in said and ("more than" in said), said


@pytest.mark.parametrize("content", ["a = " + "[" * DEEP, None])
def test_an_invalid_configuration_is_reported(installation, tmp_path, capsys, monkeypatch, content):
    file = tmp_path / "other.toml"
    if content is None:
        file = Path("/dev/zero")
    else:
        file.write_text(content)
    monkeypatch.setenv("LANDBRIDGE_CONFIG", str(file))
    assert str(file) in end(capsys, "devices", "list")


@pytest.mark.parametrize("content", ["[" * DEEP, None])
def test_an_invalid_release_is_reported(installation, tmp_path, capsys, content):
    manifest = tmp_path / "release.json"
    if content is None:
        manifest.symlink_to("/dev/zero")
    else:
        manifest.write_text(content)
    assert "build the release" in end(capsys, "updates", "add", str(tmp_path))
