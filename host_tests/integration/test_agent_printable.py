"""Text of devices and integrations reaches terminal and log without control characters."""

import logging

import pytest
from landbridge import cli
from landbridge.core import logs, printable
from landbridge.core.errors import UserError
from landbridge.db.keys import Keyring
from landbridge.features.diagnostics.queries import log as diagnostics
from landbridge.features.integrations import queries as integrations
from landbridge.features.integrations import rules as fleet
from landbridge.protocol.diagnostics import FAULT, Entry

from host_tests.support.agent import DEVICE, NOW_S

EVIL = "Traceback\x1b[2J\x1b]0;owned\x07\r\x9b31m\u202egnp\x7f"


def is_harmless(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)


def test_output_of_a_command_is_harmless(installation, capsys, monkeypatch):
    monkeypatch.setattr(cli, "run_command", lambda _: print(EVIL))
    cli.app([])
    said = capsys.readouterr().out
    assert is_harmless(said) and "\\x1b[2J" in said and "owned" in said, repr(said)


def test_why_a_command_failed_is_harmless(installation, capsys, monkeypatch):
    def fail(*_: object) -> None:
        raise UserError(f"the platform answers {EVIL}")

    monkeypatch.setattr("landbridge.config_file.load", fail)
    with pytest.raises(SystemExit):
        cli.app(["run"])
    said = capsys.readouterr().err
    assert is_harmless(said) and "owned" in said


def test_lines_of_a_file_that_is_exported_stay_as_they_are():
    assert printable.text("a\tb\r\nc\n") == "a\tb\r\nc\n"
    assert printable.text("a\rb") == "a\\rb"


@pytest.mark.parametrize("as_json", [False, True])
def test_log_texts_are_harmless_and_forge_no_entry(capsys, as_json):
    before = logging.root.handlers[:]
    try:
        logs.begin(as_json)
        logging.getLogger("landbridge.test").error("fault: %s", EVIL + "\n2026-01-01 INFO all is well")
        try:
            raise ValueError(EVIL)
        except ValueError:
            logging.getLogger("landbridge.test").exception("integration %s", EVIL)
    finally:
        logging.root.handlers[:] = before
    said = capsys.readouterr().err
    assert is_harmless(said) and "owned" in said
    assert not [line for line in said.splitlines() if line.startswith("2026-01-01")]


def test_the_log_of_a_device_is_harmless(installation, capsys):
    with installation.database().writing() as connection:
        diagnostics.add(connection, DEVICE, [(Entry(7, 60, FAULT, 0, EVIL), NOW_S)], NOW_S)
    with pytest.raises(SystemExit):
        cli.app(["devices", "log", DEVICE])
    said = capsys.readouterr().out
    assert is_harmless(said) and "owned" in said


def test_a_table_has_a_line_a_row_whatever_is_in_it(installation, capsys):
    with installation.database().writing() as connection:
        keyring = Keyring(installation.config.store.database)
        fleet.add(connection, keyring, "erp", "webhook", "https://erp.example", None, (), "bench", NOW_S)
        (integration,) = integrations.active(connection)
        integrations.fail(connection, integration.integration, f"it answers 500 {EVIL}\nother  row", NOW_S)
    with pytest.raises(SystemExit):
        cli.app(["integrations", "list"])
    said = capsys.readouterr().out
    assert is_harmless(said) and "owned" in said and said.count("\n") == 2, said
