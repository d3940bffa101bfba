"""Power cuts under whole wakes, for `powercut.py`: settings, commands, keys, updates, slots.

A life is a device (`device`) that an agent (`agent`) asks for one thing after the other, boot by
boot. From some boot on, another one in each life, each boot that matters is begun again and again from a
copy of the flash, and cut at each of its flash operations, before it and half-way, once with the RTC memory
lost and once with only a reset. Then the device boots with everything in order, often after more cuts at
random: it has to report, to have lost no record whose append returned, to have used no number twice, to have
done no command twice, and to tell the truth. Often it goes on until all is done that it was asked for.
"""

import random

from device import CUT, STUCK, Machine
from locator import settings as cfg
from locator.downlink import commands
from locator.downlink.applied import CONFIRMED

from agent import EPOCH_S, Agent

BOOTS_A_LIFE = 60
MOST_BEFORE = 40
"""Boots of a life before the first cut."""
BOOTS_TO_REPORT = 10
BOOTS_TO_RECOVER = 20
"""Beside those that something unreachable takes."""
FINISH_ONE_IN = 6
CUT_AGAIN_ONE_IN = 3
MOST_OPERATIONS = 40
"""Later cuts of a sequence come at one of this many operations."""
BOOTS_ON_TRIAL = 24
ENOUGH = 20
TRIES = 10
"""Failures until new settings are given up."""
MOST_STEP = 64
"""Epochs that the device follows in one step."""


class Settings:
    """New values every few boots; under every other ones the agent is not reached."""

    PERIOD = TRIES + 10
    MOST = {
        cfg.INTERVAL_S: 7200, cfg.UPLOAD_EVERY_S: 14400, cfg.LIGHT_LUX: 1000, cfg.SHOCK_MG: 16000,
    }  # fmt: skip

    def request(self, machine, i):
        """Before boot `i`; whether it matters."""
        agent, at = machine.agent, i % self.PERIOD
        if at in (1, 5):
            if at == 5:
                agent.deaf.append(i)
            keys = [key for key in self.MOST if key == cfg.LIGHT_LUX or random.randrange(2)]
            agent.set(i, {key: random.randrange(self.MOST[key] // 2, self.MOST[key] + 1) for key in keys})
        return at < 8 or at >= 5 + TRIES

    def request_more(self, agent):
        """Request something after it has recovered and all is done, to show that it is sound."""
        if agent.settings[0] not in agent.deaf:
            revision = agent.settings[0] + BOOTS_A_LIFE
            agent.deaf.append(revision)
            agent.set(revision, {cfg.LIGHT_LUX: 999})

    def is_done(self, agent):
        """Whether all that was requested is done."""
        revision, _, source, refused, _ = agent.applied
        wanted = agent.settings[0]
        return refused == wanted if wanted in agent.deaf else (revision == wanted and source == CONFIRMED)


class Commands:
    """Some commands every other boot, of all verbs; one in eight has expired. Now and then one comes again
    whose result is known."""

    def request(self, machine, i):
        agent = machine.agent
        if i % 2:
            for number in range(agent.time_s, agent.time_s + random.randrange(1, 4)):
                verb = random.randrange(commands.LOCATE, commands.NEW_BATTERY + 1)
                argument = 600 if verb == commands.DENSE else 0
                expiry = agent.time_s + (-1 if random.randrange(8) == 0 else 30 * 86400)
                agent.command(number, verb, argument, expiry)
        elif agent.results:
            number = random.choice(list(agent.results))
            agent.commands[number] = agent.given[number][:4]
        return i > 0

    def request_more(self, agent):
        for number in agent.results:
            agent.commands[number] = agent.given[number][:4]

    def is_done(self, agent):
        return not agent.commands


class Keys(Commands):
    """As these, and every few boots the keys of another epoch: while results wait, as far ahead as is
    believed in one step, and farther."""

    STEPS = (1, 3, MOST_STEP, MOST_STEP + 6)

    def request(self, machine, i):
        if i % 3 == 2:
            machine.agent.epoch += random.choice(self.STEPS)
        return super().request(machine, i) and i % 3 != 1

    def is_done(self, agent):
        return super().is_done(agent) and agent.heard_epoch == agent.epoch


class Updates:
    """A new release every few boots: good, crashing, damaged on its way."""

    def request(self, machine, i):
        agent = machine.agent
        if i % 5 == 1:
            release = agent.release = agent.release + 1 + (agent.release == 0)
            if release % 2:
                agent.bad.append(release)
            elif release % 4 == 0:
                agent.rotten.append(release)
        return 1 <= i % 5 < 4

    def request_more(self, agent):
        agent.release = 4 * agent.release + 2

    def is_done(self, agent):
        running, on_trial, failed = agent.report[:3]
        return not agent.release or (not on_trial and agent.release in (running, failed))


class Slots(Updates):
    """Releases on trial, in turn: good, crashing, not answered by the agent until the trial is over."""

    PERIODS = (4, 4, BOOTS_ON_TRIAL + 5)

    def request(self, machine, i):
        agent, kind = machine.agent, 0
        while i >= self.PERIODS[kind]:
            i -= self.PERIODS[kind]
            kind = (kind + 1) % len(self.PERIODS)
        if i == 0:
            agent.release += 1 + (agent.release == 0)
            if kind == 1:
                agent.bad.append(agent.release)
            elif kind == 2:
                agent.mute.append(agent.release)
        return i in (1, 2, 3, BOOTS_ON_TRIAL, BOOTS_ON_TRIAL + 1, BOOTS_ON_TRIAL + 2)


SUBJECTS = {"settings": Settings, "commands": Commands, "keys": Keys, "update": Updates, "slots": Slots}


def _patience(agent):
    """Boots that it may take the device to give up what makes the agent unreachable."""
    deaf = agent.settings[0] in agent.deaf
    return TRIES * deaf + BOOTS_ON_TRIAL * (agent.release in agent.mute)


class Count:
    """Cuts so far, of at most `most`; and violations, of which a few are enough."""

    def __init__(self, most):
        self.cuts = self.torn = self.violations = 0
        self.most = most

    def is_over(self):
        return self.cuts >= self.most or self.violations >= ENOUGH

    def add(self, torn):
        self.cuts += 1
        self.torn += torn


class Life:
    """One device, from its first boot on."""

    def __init__(self, subject, count):
        # No two runs begin alike, so no two cuts are the same.
        self._machine = Machine(Agent(EPOCH_S + random.randrange(10_000_000)))
        self._subject = subject
        self._count = count

    def live(self):
        """All its boots, each cut wherever it can be, as long as there are cuts left."""
        machine, first = self._machine, random.randrange(MOST_BEFORE)
        for i in range(BOOTS_A_LIFE):
            matters = self._subject.request(machine, i) and i >= first
            before = machine.snapshot()
            machine.boot()
            self._report(f"boot {i}")
            operations, after = machine.operations, machine.snapshot()
            for at in range(1, operations + 1) if matters else ():
                for kind in range(4):
                    if self._count.is_over():
                        return
                    machine.restore(before)
                    self._cut(at, kind & 1 == 1, kind & 2 == 2)
                    self._report(f"boot {i} cut at {at} of {operations}, kind {kind}")
            machine.restore(after)

    def _cut(self, at, torn, keep_rtc):
        machine, agent = self._machine, self._machine.agent
        ended = machine.boot(at, torn, keep_rtc)
        self._count.add(torn)
        if ended != CUT:
            agent.blame("the same boot took another course")
        while random.randrange(CUT_AGAIN_ONE_IN) == 0:
            torn = random.randrange(2) == 1
            if machine.boot(random.randrange(1, MOST_OPERATIONS), torn, random.randrange(2) == 1) == CUT:
                self._count.add(torn)
        self._recover()
        if random.randrange(FINISH_ONE_IN) == 0:
            self._finish()

    def _recover(self):
        """The device reports, and nothing that it has acknowledged is missing."""
        machine, agent = self._machine, self._machine.agent
        uplinks = agent.uplinks
        for _ in range(BOOTS_TO_REPORT + _patience(agent)):
            if machine.boot() == STUCK:
                agent.blame("a boot does not come to its sleep")
            if agent.uplinks > uplinks:
                break
        else:
            agent.blame("it does not report any more")
        for seq in agent.promised:
            if seq not in agent.stored:
                agent.blame("record", seq, "lost")

    def _finish(self):
        self._await()
        self._subject.request_more(self._machine.agent)
        self._await()

    def _await(self):
        machine, agent = self._machine, self._machine.agent
        for _ in range(BOOTS_TO_RECOVER + _patience(agent)):
            if self._subject.is_done(agent):
                break
            machine.boot()
        else:
            agent.blame("what was asked for is never done")

    def _report(self, when):
        agent = self._machine.agent
        for words in agent.wrong:
            print("violation", words, "after", when)
            self._count.violations += 1
        agent.wrong = []


def run(name, seed, cuts):
    """Run until there are enough cuts; return (cuts, torn ones)."""
    random.seed(seed)
    count = Count(cuts)
    while not count.is_over():
        Life(SUBJECTS[name](), count).live()
    return count.cuts, count.torn
