"""A seeded slice of the agent's part of `make fuzz`, into either engine."""

import logging

import pytest
from landbridge.ingest.queries import dead_letters as letters
from landbridge.protocol import uplink
from landbridge.protocol.limits import WireError

from tools.verify.fuzz import agent as fuzz_agent
from tools.verify.fuzz.agent import Found


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    before = logging.root.manager.disable
    monkeypatch.setattr(letters, "MOST_OF_TOPIC", 100)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(before)


def test_nothing_but_our_own_error_comes_out_of_the_decoder():
    found = Found()
    fuzz_agent.through_decoder(7, 8_000, found)
    assert found.crashes == 0, found.kept
    assert found.decoded > 8_000 and 0 < found.refused < found.decoded


def test_malformed_items_are_refused():
    assert len(fuzz_agent.MALFORMED) >= 90
    for item in fuzz_agent.MALFORMED + fuzz_agent.HOSTILE:
        with pytest.raises(WireError):
            uplink.decode(item)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_each_message_is_stored_or_a_dead_letter(engine, tmp_path, request):
    found = Found()
    on_server = engine == "postgresql"
    place = request.getfixturevalue("postgres") if on_server else str(tmp_path / "fuzz.sqlite3")
    fuzz_agent.through_pipeline(7, 400, found, place, str(tmp_path / "keys"))
    assert (found.faults, found.uncounted) == (0, 0), found.kept
    assert found.stored > 10


def test_a_finding_fails_the_run():
    assert Found(crashes=1).short() and Found(faults=1).short() and Found(uncounted=1).short()
    assert not Found(decoded=5, refused=5).short()
