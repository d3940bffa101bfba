"""How long the agent lets a device be silent, whatever the device announces."""

import pytest
from landbridge.ingest.storing import MOST_AHEAD_S, believed
from landbridge.protocol.settings import SETTINGS
from locator import settings as cfg
from locator import state as st
from locator.scheduler import budget

NOW_S = 845_500_000
LATEST_S = NOW_S + MOST_AHEAD_S


@pytest.mark.parametrize(
    ("announced_s", "expected_s"),
    [
        (None, None),
        (NOW_S + 1, NOW_S + 1),
        (NOW_S + 43_200, NOW_S + 43_200),
        (LATEST_S, LATEST_S),
        (LATEST_S + 1, LATEST_S),
        (2**32 - 1, LATEST_S),
        (NOW_S, LATEST_S),
        (0, LATEST_S),
    ],
)
def test_only_a_session_that_can_be_is_believed(announced_s, expected_s):
    assert believed(announced_s, NOW_S) == expected_s


def test_no_setting_has_the_firmware_announce_a_later_session():
    settings = [each.highest for each in SETTINGS.values()]
    state = st.new()
    state[st.PHASE] = 255
    for paced in (0, 1):
        settings[cfg.PACED] = paced
        for state[st.ENDS_AT], state[st.LEFT], state[st.RESERVE] in ((0, 1, 0), (-1, 0, 1)):
            assert 0 < budget.silent_s(state, settings) <= MOST_AHEAD_S
