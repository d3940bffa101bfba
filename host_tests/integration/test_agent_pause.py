"""The commands that edit, pause and resume integrations, notification channels and scheduled reports do what
the pages do, and one clear line names what is wrong."""

import pytest
from landbridge.db.database import open_database
from landbridge.features.integrations import queries as integrations
from landbridge.features.notifications import queries as channels
from landbridge.features.reports import queries as reports

HOOK, OTHER = "https://erp.example/hooks", "https://erp.example/hooks/v2"
NAMED = {
    "integrations": ("integration", "erp", ("add", "erp", HOOK, "--what", "event")),
    "notifications": ("channel", "dispatch", ("add", "dispatch", "mailto:a@b.example")),
    "reports": ("schedule", "monday", ("add", "monday", "fleet", "a@b.example")),
}
LISTS = {"integrations": "list", "notifications": "list", "reports": "list"}


@pytest.fixture(name="known")
def all_three(landbridge):
    for group, (_noun, _name, adding) in NAMED.items():
        landbridge(group, *adding)
    return landbridge


def rows(known):
    """Return the integration, the channel and the schedule."""
    database = open_database(str(known.folder / "landbridge.sqlite3"), False)
    try:
        with database.reading() as connection:
            return (
                *integrations.active(connection),
                *channels.channels(connection),
                *reports.schedules(connection),
            )
    finally:
        database.close()


@pytest.mark.parametrize("group", NAMED)
def test_pauses_and_resumes_one_and_no_other(known, group):
    noun, name, _adding = NAMED[group]
    place = list(NAMED).index(group)
    assert known(group, LISTS[group]).splitlines()[1].endswith("active")
    out = known(group, "pause", name)
    assert out == f"{noun} {name} is paused; `landbridge {group} resume {name}` resumes it\n"
    assert [each.paused for each in rows(known)] == [at == place for at in range(3)]
    assert known(group, LISTS[group]).splitlines()[1].endswith("paused")
    assert f"{noun} {name} is resumed" in known(group, "resume", name)
    assert not any(each.paused for each in rows(known))
    assert f"{name} changed" in known("audit", "list").splitlines()[1]


@pytest.mark.parametrize("group", NAMED)
@pytest.mark.parametrize("verb", ["edit", "pause", "resume"])
def test_an_unknown_name_is_one_line(known, group, verb):
    noun, name, _adding = NAMED[group]
    more = ("--language", "zh") if group != "integrations" else ("--what", "track")
    given = more if verb == "edit" else ()
    assert f"no {noun} nobody; `landbridge {group} {LISTS[group]}` lists them" in known.fails(
        group, verb, "nobody", *given
    )
    assert f"no {noun} {name}" in known.fails(group, verb, name, *given, "--tenant", "acme")


def test_edits_an_integration(known):
    known("integrations", "edit", "erp", "--address", OTHER)
    assert [(each.address, each.what) for each in rows(known)[:1]] == [(OTHER, ("event",))]
    known("integrations", "edit", "erp", "--what", "track", "--what", "event")
    assert [(each.address, each.what) for each in rows(known)[:1]] == [(OTHER, ("track", "event"))]


def test_edits_a_channel(known):
    known("notifications", "edit", "dispatch", "--zone", "Asia/Shanghai", "--language", "zh")
    known("notifications", "edit", "dispatch", "--address", "mailto:night@b.example")
    channel = rows(known)[1]
    assert (channel.zone, channel.language) == ("Asia/Shanghai", "zh")
    assert channel.service == "night@b.example"


def test_edits_a_schedule(known):
    before = rows(known)[2]
    known("reports", "edit", "monday", "--format", "xlsx", "--mailbox", "c@d.example")
    row = rows(known)[2]
    assert (row.format, row.mailbox, row.every, row.next_s) == ("xlsx", "c@d.example", "week", before.next_s)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("integrations", "edit", "erp"), "nothing to change; give at least one of --address, --what"),
        (("integrations", "edit", "erp", "--address", "ftp://x"), "'ftp://x' is not an address for webhook"),
        (("integrations", "edit", "erp", "--what", "bogus"), "webhook does not accept 'bogus'"),
        (("notifications", "edit", "dispatch"), "give at least one of --address, --language, --zone"),
        (("notifications", "edit", "dispatch", "--zone", "Mars"), "no time zone 'Mars'"),
        (("notifications", "edit", "dispatch", "--language", "tlh"), "no language tlh"),
        (("reports", "edit", "monday"), "give at least one of --mailbox, --every, --format, --language"),
        (("reports", "edit", "monday", "--every", "hour"), "'hour' is not one of day, week, month"),
        (("reports", "edit", "monday", "--mailbox", "nobody"), "'nobody' is not a mail address"),
    ],
)
def test_bad_input_changes_nothing(known, arguments, line):
    before = rows(known)
    assert line in known.fails(*arguments)
    assert rows(known) == before
