"""Files about the card: a flipped bit, an invalid policy or a full flash loses no access point."""

from carded import ASK, CARD, Device
from locator import state as st
from locator.actions import profile as profiles
from locator.codec import checked
from locator.downlink import profiles as orders
from locator.esim import access, files, memory, policy, restart, trial
from locator.modem import ModemRestarted
from locator.scheduler import budget, profile
from raising import raises


def test_a_damaged_policy_leaves_the_access_point_and_comes_again():
    device = Device(2)
    for at in range(0, 40, 3):
        device.flip(files.POLICY, at)
        device.ask()
        assert device.next_wake_uses() == b"apn0" and device.state[st.PROFILE_DUE] == profile.KNOWN
        assert device.state[st.TO_REPORT] & profile.REPORT and device.reports()[0] == 0
        device.take(device.policy)
        assert device.reports()[0] == 5 and device.state[st.PROFILE_DUE] == ASK
        device.ask()
        assert policy.read(device.folder) == device.policy and device.next_wake_uses() == b"apn0"


def test_nothing_is_reported_where_there_never_was_a_policy():
    device = Device(1)
    checked.remove(device.folder + files.POLICY)
    checked.remove(device.folder + files.CARD)
    assert device.reports() is None
    device.ask()
    assert device.state[st.PROFILE_DUE] == 0 and device.next_wake_uses() == b"provisioned"


def test_a_damaged_access_point_is_written_again_and_no_failure_of_the_profile():
    device = Device(2)
    device.flip("/access.bin", 2)
    assert device.next_wake_uses() == b"provisioned"
    device.state[st.PROFILE_FAILS] = profile.LIMIT
    device.ask()
    assert device.driver.apn == b"apn0" and device.next_wake_uses() == b"apn0"
    kept = memory.Memory(device.folder)
    assert kept.p[profile.STAGE] == profile.IDLE and not kept.p[profile.COST] & 0xFF


def test_an_invalid_policy_is_refused_by_its_revision():
    device = Device(2)
    device.take([6, 0, 0, [[CARD[0], 'a"b', "", ""]], []])
    assert policy.read(device.folder) == device.policy
    device.ask()
    assert policy.read(device.folder) == device.policy and device.next_wake_uses() == b"apn0"
    reported = device.reports()
    assert reported[0] == 5 and [event[1:] for event in reported[6]] == [[1, 0, memory.REFUSED_POLICY, 6]]
    assert not checked.exists(device.folder + files.COMING)
    device.take([7] + device.policy[1:])
    device.ask()
    assert device.reports()[0] == 7 and policy.read(device.folder)[0] == 7


def test_a_policy_whose_revision_is_another_is_none():
    device = Device(1)
    for body in (b"\x85\x05\x00\x00\x80\x80", b"\x84\x06\x00\x00\x80\x80", b"\x85\x1a\x00\x00\x00\x07\x00"):
        orders.take(device, [6, body])
        assert not device.state[st.TO_REPORT] and not checked.exists(device.folder + files.COMING)


def test_a_policy_that_is_damaged_while_it_waits_comes_again():
    device = Device(1)
    device.take([6] + device.policy[1:])
    device.flip(files.COMING, 9)
    device.ask()
    assert device.reports()[0] == 5 and not checked.exists(device.folder + files.COMING)


def test_an_access_point_that_was_not_kept_is_kept_later():
    device = Device(2)
    keep = access.keep

    def full(*_):
        raise OSError(28)

    access.keep = full
    try:
        one = device.switch()
        one._use(2)
    finally:
        access.keep = keep
    assert device.driver.apn == b"apn1" and device.next_wake_uses() == b"apn0"
    device.state[st.PROFILE_DUE] |= profile.KNOWN | st.PROFILE_OPEN
    one._memory.p[profile.TARGET], one._memory.p[profile.STAGE] = 2, profile.FORWARD
    trial.Trial.answered(one, 30)
    assert device.state[st.PROFILE_DUE] == profile.KNOWN | profile.UNKEPT | profile.NOTICES
    device.ask(lambda driver: (bytes([1] * 10), b"460002"))
    assert device.driver.apn == b"apn1" and device.next_wake_uses() == b"apn1"
    assert device.state[st.PROFILE_DUE] == profile.KNOWN | profile.NOTICES


def asks_in_vain(device):
    """Reports have failed until the policy is asked again; the access point that the next wake uses."""
    device.state[st.PROFILE_FAILS] = profile.LIMIT
    device.ask()
    return device.next_wake_uses()


def test_a_mistyped_access_point_of_the_only_profile_strands_no_device():
    device = Device(1)
    device.policy[files.PROFILES][0][1] = "typo"
    device.take([6] + device.policy[1:])
    device.ask()
    assert device.driver.apn == b"typo"
    assert [asks_in_vain(device) for _ in range(4)] == [b"apn0", b"typo", b"apn0", b"typo"]
    assert asks_in_vain(device) == b"apn0"
    access.answered(device.folder)
    for _ in range(3):  # it has lost, whatever fails later
        assert asks_in_vain(device) == b"apn0"
    assert [event[3] for event in device.reports()[6]] == [memory.NO_ANSWER] * 5
    device.policy[files.PROFILES][0][1] = "right"
    device.take([7] + device.policy[1:])
    device.ask()
    access.answered(device.folder)
    assert device.driver.apn == b"right" and asks_in_vain(device) == b"right"
    device.take([8] + device.policy[1:3] + [[[CARD[0], "typo", "", ""]]] + device.policy[4:])
    device.ask()
    assert device.driver.apn == b"typo"  # another policy, another trial


def test_that_of_the_provisioning_comes_back_too():
    device = Device(1)
    access.forget(device.folder)
    device.policy[files.PROFILES][0][1] = "typo"
    device.take([6] + device.policy[1:])
    device.ask()
    assert device.driver.apn == b"typo"
    assert [asks_in_vain(device) for _ in range(3)] == [b"provisioned", b"typo", b"provisioned"]


def test_a_modem_that_restarts_meanwhile_is_asked_again():
    device = Device(2)

    def restarts(*_):
        raise ModemRestarted("RDY")

    for read, name in ((restarts, ""), (lambda driver: CARD, "clear_forbidden")):
        access.keep(device.folder, (b"old", b"", b""))
        access.answered(device.folder)
        access.forgive(device.folder)
        setattr(device.driver, name or "_", restarts)
        raises(ModemRestarted, device.ask, read)
        assert device.state[st.PROFILE_DUE] & st.PROFILE_ASK


HOSTS = ["broker.example", 8883, "time.example", 123]
UPDATES = ["updates", "", "", "updates.example", 443]


def test_hosts_and_the_access_point_for_updates_come_with_the_profile():
    device = Device(2)
    device.policy[files.PROFILES][1] += [HOSTS, UPDATES]
    files.write(device.folder + files.POLICY, device.policy)
    device.switch()._use(2)
    assert device.driver.hosts == ((b"broker.example", 8883), (b"time.example", 123))
    device.driver.hosts = device.driver.updates = ()
    assert device.next_wake_uses() == b"apn1"
    assert device.driver.hosts[0] == (b"broker.example", 8883)
    assert device.driver.updates == [b"updates", b"", b"", b"updates.example", 443]
    device.switch()._use(1)
    assert device.driver.hosts == () and device.driver.updates == []


def test_a_policy_whose_hosts_are_none_is_refused():
    good = [CARD[0], "apn", "", "", HOSTS, UPDATES]

    def whole(each):
        return policy.is_policy([5, 0, 1, [each], []])

    assert whole(good) and whole(good[:5]) and whole(good[:4] + [[]])
    for i, bad in (
        (4, ["broker.example"]),
        (4, ["broker.example", 0]),
        (4, ["", 1]),
        (4, [b"broker.example", 1]),
        (4, ["a", 1] * 5),
        (4, None),
        (5, UPDATES[:3]),
        (5, UPDATES[:4]),
        (5, ['"', "", "", "a", 1]),
    ):
        assert not whole(good[:i] + [bad] + good[i + 1 :])


def test_a_switch_after_a_scan_is_an_attempt_of_its_own():
    done = []
    device = Device(2)
    device.driver.radio_off = lambda: done.append("off")
    device.driver.radio_on = lambda: done.append("on")
    device.port.sleep_ms = done.append
    device.switch()._pause()
    assert done == [] and device.state[st.NEXT_ATTEMPT] == 0
    device.state[st.DID_SCAN] = st.YES
    device.switch()._pause()
    assert done == ["off", 1000 * profile.APART_S, "on"] and device.state[st.NEXT_ATTEMPT] == 1


def test_a_switch_that_began_in_an_earlier_wake_waits_after_a_scan_and_one_that_is_done_does_not():
    second = bytes([1] * 10)
    for enabled, waits in ((CARD[0], True), (second, False)):
        done = []
        device = Device(2)
        device.port.sleep_ms = done.append
        device.driver.radio_off = device.driver.radio_on = lambda: None
        device.state[st.DID_SCAN] = st.YES
        one = device.switch()
        one._enable = lambda iccid, imsi, done=done: done.append(iccid) or 0
        read, restart.identity = restart.identity, lambda driver, enabled=enabled: (enabled, b"460001")
        try:
            one._make_so(2)
        finally:
            restart.identity = read
        assert done == ([1000 * profile.APART_S, second] if waits else [])


class OneFailed(profiles.Profiles):
    """The profile on trial is given up, another one is to follow."""

    def _trial(self):
        return self

    def lost(self, seconds, cause, heard):
        return True


def test_another_profile_after_a_scan_is_an_attempt_of_its_own():
    device = Device(2)
    state = device.state
    state[st.PROFILE_DUE] |= st.PROFILE_OPEN
    device.port.sleep_ms = lambda ms: None
    budget.begin_scan(state, 1000)
    state[st.DID_SCAN], state[st.ATTACHED] = st.YES, st.NO
    budget.begin_attempt(state, 1010, 0)
    assert state[st.NEXT_ATTEMPT] == 1
    OneFailed(device.port, device.driver, state, None, None).attempt(0, True)
    assert state[st.PROFILE_DUE] & st.PROFILE_AGAIN
    budget.begin_attempt(state, 1100, 0)
    assert state[st.NEXT_ATTEMPT] == 2
