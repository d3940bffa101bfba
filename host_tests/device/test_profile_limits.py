"""Used-up quotas, and countries in which no profile may be used."""

import carded
from locator import state as st
from locator.esim import files, limits, memory
from locator.modem import NotAllowed, survey
from locator.scheduler import profile

DAY_S = 86400
NEW_YEAR = 7305 * DAY_S  # 2020-01-01
MB = 1024 * 1024
KZ, CN = 401, 460


class Device(carded.Device):
    """One with two profiles of 1 MB a month each; `KZ` is blocked."""

    def __init__(self):
        super().__init__(2)
        self.card = carded.CARD
        self.policy[files.PROFILES] = [each + [[], [], 1024] for each in self.policy[files.PROFILES]]
        self.policy[files.ROWS] = [[0, 1, 2], [KZ]]
        files.write(self.folder + files.POLICY, self.policy)
        self.driver.on = True
        self.driver.stop = self.stop
        self.state[st.OFFSET] = NEW_YEAR - 100000
        self.state[st.MCC] = CN

    def stop(self, park):
        self.driver.on = False

    def spend(self, size):
        self.state[st.PROFILE_BYTES] = size
        self.switch().spend()

    def is_shut(self):
        """The policy is asked: whether that ends with the modem off, and when it is asked again."""
        self.driver.on = True
        try:
            self.ask(lambda driver: self.card)
        except NotAllowed:
            assert not self.driver.on
            assert self.state[st.DATA_UNTIL] == self.state[st.PROFILE_UNTIL]
            return self.state[st.DATA_UNTIL] - self.port.clock_s()
        assert self.driver.on
        return 0

    def events(self):
        return [event[1:] for event in memory.Memory(self.folder).events]

    def forget_events(self):
        kept = memory.Memory(self.folder)
        kept.events = []
        kept.save()


def is_shut_hearing(device, *plmns):
    """`Device.is_shut` where a scan hears these."""
    scan, survey.scan = survey.scan, lambda driver: [(survey.AVAILABLE, plmn, 0) for plmn in plmns]
    try:
        return device.is_shut()
    finally:
        survey.scan = scan


def test_months_are_those_of_the_calendar():
    lengths = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28)
    now = NEW_YEAR
    for days in lengths:
        assert limits.left_s(now) == days * DAY_S
        assert limits.left_s(now + days * DAY_S - 1) == 1
        assert limits.month(now // DAY_S) == limits.month(now // DAY_S + days - 1)
        now += days * DAY_S
    assert limits.month(60) == 0 and limits.month(now // DAY_S) == 12 * 21


def test_traffic_is_counted_by_the_month_and_reported_at_each_level():
    device = Device()
    passed = []
    for _ in range(12):
        passed.append(limits.spend(device.folder, device.policy, 1, MB // 10, NEW_YEAR))
    assert passed == [0, 0, 0, 0, 0, 50, 0, 0, 80, 0, 100, 0]  # a tenth, rounded down
    assert limits.spend(device.folder, device.policy, 2, MB // 2, NEW_YEAR) == 50
    assert limits.spend(device.folder, device.policy, 0, MB, NEW_YEAR) == 0
    month, first, second = device.reports()[7]
    assert first[1:] == [12 * (MB // 10), 100] and second[1:] == [MB // 2, 50]
    assert limits.used_up(device.folder, device.policy, NEW_YEAR) == 1 << 1
    assert limits.used_up(device.folder, device.policy, NEW_YEAR + 31 * DAY_S) == 0
    limits.spend(device.folder, device.policy, 2, 5, NEW_YEAR + 31 * DAY_S)
    assert device.reports()[7] == [month + 1, [second[0], 5, 0]]


def test_a_profile_without_data_is_left_and_the_last_one_reports_it_first():
    device = Device()
    device.spend(2 * MB)
    assert device.state[st.PROFILE_DUE] & st.PROFILE_ASK and device.state[st.PROFILE_BYTES] == 0
    assert device.events() == [[1, 1, memory.QUOTA, 100]]
    kept = memory.Memory(device.folder)
    full = limits.used_up(device.folder, device.policy, NEW_YEAR)
    assert profile.choose(kept.p, device.policy[files.ROWS], CN, 9, full) == 2
    kept.p[profile.PROFILE] = 2
    kept.save()
    device.forget_events()
    device.card = (device.policy[files.PROFILES][1][0], b"460002")
    device.spend(2 * MB)
    assert device.is_shut() == 0 and device.state[st.PROFILE_UNTIL]  # the agent does not know yet
    device.forget_events()
    device.state[st.LAST_SESSION] = device.port.clock_s() - 3600
    assert device.is_shut() == DAY_S - 3600
    device.state[st.LAST_SESSION] -= DAY_S  # a report a day all the same
    assert device.is_shut() == 0
    device.state[st.LAST_SESSION] += DAY_S
    device.state[st.OFFSET] += 31 * DAY_S
    assert device.is_shut() == 0


def test_without_a_quota_nothing_is_used_up():
    device = Device()
    device.policy[files.PROFILES] = [each[:4] for each in device.policy[files.PROFILES]]
    files.write(device.folder + files.POLICY, device.policy)
    device.spend(900 * MB)
    assert device.events() == [] and device.reports()[7][1][1] == 900 * MB
    assert device.is_shut() == 0


def test_in_a_blocked_country_nothing_is_asked_until_another_one_is_heard():
    device = Device()
    device.state[st.MCC] = KZ
    assert device.is_shut() == 8 * 3600  # without a scan: it was heard just now
    assert device.events() == [[1, 1, memory.BLOCKED, KZ]]
    for heard in ((), (401001,), (401001, 401002)):
        assert is_shut_hearing(device, *heard) == 8 * 3600
    assert device.events() == [[1, 1, memory.BLOCKED, KZ]]
    assert is_shut_hearing(device, 401001, 250001) == 0
    assert device.state[st.MCC] == 250


def test_a_switch_that_is_open_is_not_tried_there_either():
    device = Device()
    kept = memory.Memory(device.folder)
    kept.follow(device.policy)
    profile.begin(kept.p, 2, 9)
    kept.save()
    device.state[st.MCC], device.state[st.PROFILE_DUE] = KZ, profile.KNOWN | st.PROFILE_OPEN
    assert device.is_shut() == 8 * 3600
    assert memory.Memory(device.folder).p[profile.STAGE] == profile.FORWARD
