"""The pages in Chinese say the same as those in English: links, commands, paths."""

import re

import pytest

from host_tests.support import docs
from tools.flash import REPOSITORY

ENGLISH = [page for page in sorted((docs.DOCS / "start").glob("*.md")) if docs.is_english(page)]


def parts(name: str) -> list[str]:
    """Targets of links and pieces of code, and the headings' levels, in their order; a heading of the same
    page has its name in the page's language."""
    text = (REPOSITORY / name).read_text().replace(".zh-CN.md)", ".md)")
    text = re.sub(r"\]\(#[^)]+\)", "](#heading)", text)
    return re.findall(r"\]\((?!README)[^)]+\)|`[^`\n]+`|^#+", text, re.M)


@pytest.mark.parametrize("page", ["README", *(f"docs/start/{page.stem}" for page in ENGLISH)])
def test_the_chinese_page_is_in_step(page):
    assert sorted(parts(f"{page}.zh-CN.md")) == sorted(parts(f"{page}.md"))


@pytest.mark.parametrize("page", [f"docs/start/{page.stem}" for page in ENGLISH])
def test_the_code_of_the_chinese_page_is_the_same(page):
    chinese, english = ((REPOSITORY / f"{page}{end}").read_text() for end in (".zh-CN.md", ".md"))
    assert [without_comments(each) for each in docs.blocks(chinese)] == [
        without_comments(each) for each in docs.blocks(english)
    ]


def without_comments(code: str) -> str:
    return re.sub(r" +# .*", "", code)


def test_make_help_lists_every_target():
    makefile = (REPOSITORY / "Makefile").read_text()
    assert set(re.findall(r"^\.PHONY: (.*)$", makefile, re.M)[0].split()) <= set(
        re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.M)
    )
