"""Networks that accept a card, and the Russian bar on data."""

from __future__ import annotations

from statistics import mean

from tools.world.radio.rules import (
    BAR_MS,
    CONGESTED_MS,
    CONGESTION,
    HOUR_MS,
    ILLEGAL_HERE,
    REFUSES,
    Admission,
    DataBar,
)

FOREIGN = "204046612345678"
LEAVES_MS = 400 * HOUR_MS


def lasting(admission: Admission, plmn: str) -> int:
    """The cause that stays when congestion has passed."""
    causes = {admission.cause(slot * CONGESTED_MS, FOREIGN, plmn) for slot in range(40)}
    return min(causes - {CONGESTION} or {0})


def test_each_country_has_a_network_that_accepts() -> None:
    for seed in range(60):
        admission = Admission(seed)
        for mcc in {plmn[:3] for plmn in REFUSES}:
            assert any(lasting(admission, plmn) == 0 for plmn in REFUSES if plmn[:3] == mcc)


def test_refusals_come_with_their_probability_and_cause() -> None:
    causes = {plmn: [lasting(Admission(seed), plmn) for seed in range(150)] for plmn in REFUSES}
    for plmn, (probability, cause) in REFUSES.items():
        assert set(causes[plmn]) <= {0, cause}
        assert abs(mean(each != 0 for each in causes[plmn]) - probability) < 0.15


def test_a_home_network_accepts_and_there_is_no_national_roaming() -> None:
    admission = Admission(1)
    assert admission.cause(0, "250011234567890", "25001") == 0
    assert admission.cause(0, "250011234567890", "25002") == 13


def test_congestion_is_rare_and_passes() -> None:
    admission = Admission(3)
    plmn = next(plmn for plmn in REFUSES if lasting(admission, plmn) == 0)
    slots = [admission.cause(slot * CONGESTED_MS, FOREIGN, plmn) for slot in range(2_000)]
    assert 0.01 < mean(cause == CONGESTION for cause in slots) < 0.04


def hours(bar: DataBar) -> list[tuple[float, float]]:
    """From when to when it bars."""
    return [(each.start_ms / HOUR_MS, each.end_ms / HOUR_MS) for each in bar.bars]


def test_data_is_barred_for_a_day_after_the_first_registration() -> None:
    bar = DataBar(LEAVES_MS)
    bar.registered(HOUR_MS, "25001")
    assert not bar.open(HOUR_MS, "25001")
    bar.registered(20 * HOUR_MS, "25001")
    assert not bar.open(HOUR_MS + BAR_MS - 1, "25001")
    assert bar.open(HOUR_MS + BAR_MS, "25001")
    assert bar.barred(2 * HOUR_MS, "25001") and not bar.barred(2 * HOUR_MS, "25002")
    assert hours(bar) == [(1, 25)]


def test_a_change_of_operator_bars_again_and_coming_back_too() -> None:
    bar = DataBar(LEAVES_MS)
    bar.registered(0, "25001")
    bar.registered(30 * HOUR_MS, "25002")
    assert not bar.open(31 * HOUR_MS, "25002")
    bar.registered(40 * HOUR_MS, "25001")
    assert not bar.open(60 * HOUR_MS, "25001")
    assert hours(bar) == [(0, 24), (30, 54), (40, 64)]


def test_three_days_of_silence_bar_again() -> None:
    bar = DataBar(LEAVES_MS)
    bar.registered(0, "25001")
    for hour in (30, 90, 160):
        assert bar.open(hour * HOUR_MS, "25001")
        bar.sent(hour * HOUR_MS, "25001")
    assert not bar.open(233 * HOUR_MS, "25001")
    assert bar.open(257 * HOUR_MS, "25001")


def test_other_countries_bar_nothing_and_the_border_ends_the_bar() -> None:
    bar = DataBar(10 * HOUR_MS)
    bar.registered(0, "40101")
    assert bar.open(0, "40101")
    bar.registered(2 * HOUR_MS, "25001")
    assert hours(bar) == [(2, 10)]
    bar.registered(11 * HOUR_MS, "25701")
    assert bar.open(11 * HOUR_MS, "25701")


def test_agreements_decide_where_an_identity_is_taken():
    agreed = Admission(1, agreements={"901280000000002": frozenset({"401"})})
    for ms in range(0, 20 * CONGESTED_MS, CONGESTED_MS):
        assert agreed.cause(ms, "901280000000002", "40177") in (0, CONGESTION)
        assert agreed.cause(ms, "901280000000002", "25001") == ILLEGAL_HERE
    others = Admission(1)
    for plmn in REFUSES:
        assert agreed.cause(0, "204046612345678", plmn) == others.cause(0, "204046612345678", plmn)


def test_another_identity_restarts_the_bar():
    bar = DataBar(10**12)
    bar.registered(0, "25001", "a")
    bar.registered(BAR_MS + 1, "25001", "a")
    assert len(bar.bars) == 1
    bar.registered(BAR_MS + 2, "25001", "b")
    assert len(bar.bars) == 2
