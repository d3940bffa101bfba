"""Epochs of a device's keys on the agent's side: rotation, devices that are behind or ahead, forgeries."""

from __future__ import annotations

import pytest
from landbridge.ingest.queries import epochs
from landbridge.protocol import envelope
from landbridge.protocol.limits import MAX_EPOCH, WireError

from host_tests.support.agent import DEVICE
from host_tests.support.pipeline import KEY, Agent


@pytest.fixture
def agent(tmp_path):
    return Agent(tmp_path)


def test_a_device_that_misses_the_switch_gets_it_again_and_loses_nothing(agent):
    assert agent.say(1, 0)[1][2] == [1, 1]
    agent.rotate()
    for _ in range(3):  # its replies get lost
        epoch, reply = agent.say(2, 0)
        assert epoch == 0 and reply[2] == [] and reply[11] == 1
    assert agent.stored() == [1]
    epoch, reply = agent.say(2, 1)
    assert epoch == 1 and reply[2] == [2, 2] and 11 not in reply
    assert agent.stored() == [1, 2] and agent.epoch_and_forged() == (1, 0) and agent.dead_letters() == 0


def test_a_device_may_be_ahead_of_a_restored_backup_but_not_far(agent):
    assert agent.say(1, 2)[0] == 2
    assert agent.epoch_and_forged() == (2, 0)
    assert agent.say(2, 2 + epochs.MOST_AHEAD + 1) is None
    assert agent.epoch_and_forged() == (2, 0) and agent.dead_letters() == 1
    assert agent.say(2, 2 + epochs.MOST_AHEAD)[1][2] == [2, 2]


def test_data_sent_before_the_switch_is_not_kept(agent):
    held_back = agent.seal(1, 0)
    agent.rotate()
    agent.say(2, 1)
    assert agent.take(held_back)[1][2] == []
    assert agent.stored() == [2]


def test_without_the_key_no_reply_is_made_in_an_epoch_that_is_over(agent):
    agent.rotate()
    good = agent.seal(1, 0)
    assert agent.take(good[:-1] + bytes([good[-1] ^ 1])) is None
    assert agent.epoch_and_forged() == (1, 1) and agent.dead_letters() == 1
    assert agent.take(good)[1][11] == 1


def test_a_backup_from_before_several_floods_follows_the_device(tmp_path, monkeypatch):
    monkeypatch.setattr(epochs, "MOST_FORGED", 3)
    backup, agent = (Agent(tmp_path / name) for name in ("backup", "agent"))
    for _ in range(4 * 3):
        good = agent.seal(1, agent.epoch_and_forged()[0])
        agent.take(good[:-1] + bytes([good[-1] ^ 1]))
    flooded, forged = agent.epoch_and_forged()
    assert (flooded, forged) == (4 * epochs.FLOOD_STEP, 0)
    backup.say(1, flooded)
    assert backup.stored() == [1] and backup.epoch_and_forged() == (flooded, 0)


def test_too_many_forgeries_end_the_epochs_that_are_near(agent, monkeypatch):
    monkeypatch.setattr(epochs, "MOST_FORGED", 10)
    for i in range(9):
        good = agent.seal(1, i)
        assert agent.take(good[:-1] + bytes([good[-1] ^ 1])) is None
    assert agent.epoch_and_forged() == (0, 9)
    good = agent.seal(1, 0)
    agent.take(good[:-1] + bytes([good[-1] ^ 1]))
    assert agent.epoch_and_forged() == (epochs.FLOOD_STEP, 0)
    assert agent.take(good)[1][11] == epochs.FLOOD_STEP
    assert agent.say(1, epochs.FLOOD_STEP)[1][2] == [1, 1]
    assert agent.stored() == [1]


def test_only_a_well_formed_envelope_counts_as_forged(agent):
    good = agent.seal(1, 0)
    for bad in (b"", good[:-1], good + b"\0", b"\xd0" + good):
        assert agent.take(bad) is None
    assert agent.epoch_and_forged() == (0, 0) and agent.dead_letters() == 4


def test_the_last_epoch_is_the_last(agent):
    with agent.database.writing() as connection:
        assert epochs.next_one(connection, DEVICE, MAX_EPOCH) == MAX_EPOCH
        assert epochs.next_one(connection, DEVICE) == MAX_EPOCH
    assert agent.say(1, MAX_EPOCH)[1][2] == [1, 1]
    with pytest.raises(WireError):
        envelope.header(envelope.seal(KEY, DEVICE, "up", 1, b"text", MAX_EPOCH + 1))
