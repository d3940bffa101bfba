"""The documentation: links lead somewhere, sentences are short, what is named exists, commands run."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from landbridge.cli import commands as command_line
from typer.main import get_command

from host_tests.support import docs
from host_tests.support.operator_page import OPERATOR, Operator, shell
from tools import reference
from tools.flash.layout import REPOSITORY

MOST_WORDS = 30_000
LONGEST, MEAN = 40, 25
"""Words of a sentence."""
PAGES = docs.pages()
ENGLISH = [page for page in PAGES if docs.is_english(page)]
RUN = [page for page in ENGLISH if page.parent.name in ("start", "guide") and page.name != "add-a-board.md"]
"""Pages whose blocks marked `sh` are run here; `add-a-board.md` has a test of its own."""


def name(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", [*docs.TOP, *PAGES], ids=name)
def test_every_link_leads_somewhere(page):
    for target in docs.links(page.read_text()):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), (target, "no such file")
        if anchor:
            assert anchor in docs.anchors(found.read_text()), (target, "no such heading")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_in_a_listing_exists(page):
    """A line of a block that begins with a path of this repository."""
    found = re.findall(
        r"^((?:agent|firmware|host_tests|tools)/[\w./-]+)", "\n".join(docs.blocks(page.read_text())), re.M
    )
    assert [path for path in found if not (REPOSITORY / path).exists()] == []


def test_every_page_is_reached_from_the_index():
    index = docs.DOCS / "README.md"
    reached = {(index.parent / target).resolve() for target in docs.links(index.read_text())}
    assert set(PAGES) - {index} <= reached


def test_the_documentation_is_short():
    assert sum(len(docs.words(page.read_text())) for page in ENGLISH) <= MOST_WORDS


@pytest.mark.parametrize("page", ENGLISH, ids=name)
def test_sentences_are_short(page):
    lengths = {each: len(each.split()) for each in docs.sentences(page.read_text())}
    assert [each for each, length in lengths.items() if length > LONGEST] == []
    assert sum(lengths.values()) <= MEAN * len(lengths)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_each_page_begins_with_its_readers_and_their_benefit(page):
    first = " ".join(page.read_text().split("\n\n")[1].split())
    if docs.is_english(page):
        assert first.startswith("For ") and re.search(r"\bAfter (reading|\w+ minutes)\b", first)
    else:
        assert first.startswith("读者：") and re.search("分钟后", first)


@pytest.mark.parametrize("page", list(reference.PRINTED))
def test_printed_pages_are_up_to_date(page):
    text = reference.filled(page, reference.PRINTED[page]())
    assert reference.path(page).read_text() == text, "run make docs"


def test_the_list_of_commands_has_only_the_first_line_of_each_help_text():
    printed = reference.commands()
    assert "backup FILE\n    Back up the database; the agent may run meanwhile\n" in printed
    assert "Example" not in printed


@pytest.mark.parametrize("page", [*docs.TOP, *PAGES], ids=name)
def test_every_target_of_make_exists(page):
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    for call in docs.commands(page.read_text(), "make"):
        spoken = re.match(r"(?:[a-z0-9-]+ )*[a-z0-9-]+(?![\w=])", call.partition("#")[0].rstrip() + " ")
        assert spoken and set(spoken[0].split()) <= targets, call


@pytest.mark.parametrize("page", [*docs.TOP, *PAGES], ids=name)
def test_every_command_and_option_of_landbridge_exists(page):
    for call in docs.commands(page.read_text(), "landbridge"):
        assert unknown(call) == "", call


def unknown(call: str) -> str:
    """The first word of a call of `landbridge` that the command line does not know."""
    command = cast(Any, get_command(command_line))
    context = command.make_context("landbridge", [], resilient_parsing=True)
    words = call.partition("#")[0].split()
    while words and hasattr(command, "get_command") and re.fullmatch("[a-z-]+", words[0]):
        command = command.get_command(context, words[0])
        if command is None:
            return words[0]
        words = words[1:]
    known = {"--help", *(each for option in command.params for each in option.opts + option.secondary_opts)}
    return next((each for each in words if each.startswith("--") and each.partition("=")[0] not in known), "")


def test_an_unknown_command_or_option_is_found():
    assert unknown("trips start lb-0001 --container X --from 2026-10-01T08:00:00Z") == ""
    assert unknown("journeys list") == "journeys" and unknown("trips begin lb-0001") == "begin"
    assert unknown("trips start lb-0001 --line-of X") == "--line-of"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an operator after docs/start/operator.md, and the broker that runs there."""
    folder = tmp_path_factory.mktemp("started")
    (folder / "docs").symlink_to(docs.DOCS)
    operator = Operator(folder)
    yield operator.do_it()
    operator.stop()


@pytest.mark.parametrize("page", [page for page in RUN if docs.blocks(page.read_text(), "sh")], ids=name)
def test_the_commands_of_a_page_run(page, started, tmp_path):
    if page == OPERATOR:
        return  # `started` has run it
    folder = tmp_path / "agent"
    shutil.copytree(started, folder, symlinks=True)
    run(folder, page)


def test_an_operator_has_a_tracker_on_the_map_after_ten_steps(started):
    """Of the page in both languages: the same steps, the same commands."""
    text = OPERATOR.read_text()
    assert re.findall(r"^(\d+)\. ", text, re.M) == [str(number) for number in range(1, 11)]
    chinese = OPERATOR.with_suffix(".zh-CN.md").read_text()
    assert docs.blocks(chinese) == docs.blocks(text)


def run(folder: Path, page: Path) -> None:
    """Run the blocks of a page that are marked `sh`, one after the other, in `folder`."""
    script = "".join(docs.blocks(page.read_text(), "sh"))
    assert script
    shell(folder, script)
