"""The two READMEs say the same: links, commands, paths, in the same order."""

import re

from tools.flash import REPOSITORY


def parts(name: str) -> list[str]:
    """Targets of links and pieces of code, and the headings' levels, in their order."""
    text = (REPOSITORY / name).read_text()
    return re.findall(r"\]\((?!README)[^)]+\)|`[^`\n]+`|^#+", text, re.M)


def test_the_chinese_readme_is_in_step():
    assert sorted(parts("README.zh-CN.md")) == sorted(parts("README.md"))


def test_each_target_of_make_that_is_named_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (REPOSITORY / "Makefile").read_text(), re.M))
    for file in ("README.md", "docs/field-guide.md", "docs/boards.md"):
        for spoken in re.findall(r"[`\n]make ([a-z0-9 -]+)", (REPOSITORY / file).read_text()):
            assert set(spoken.split()) <= targets, (file, spoken)


def test_make_help_lists_every_target():
    makefile = (REPOSITORY / "Makefile").read_text()
    assert set(re.findall(r"^\.PHONY: (.*)$", makefile, re.M)[0].split()) <= set(
        re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.M)
    )
