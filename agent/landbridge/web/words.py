"""The pages' words: English as it is written there, in Chinese by texts.toml."""

import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from fastapi import Request

LANGUAGES = {"en": "English", "zh": "中文"}
COOKIE = "language"
_NOBODY = ("the agent", "agent, again", "control")
"""Who acts and is no person."""
FILE = Path(__file__).parent / "texts.toml"


@cache
def chinese() -> dict[str, str]:
    """English phrase -> Chinese."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def language_of(request: Request) -> str:
    """The language asked for, kept, or preferred by the browser."""
    for wanted in (request.query_params.get(COOKIE), request.cookies.get(COOKIE)):
        if wanted in LANGUAGES:
            return str(wanted)
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


@cache
def _sentences() -> list[tuple[re.Pattern[str], str]]:
    """Phrases with parts that change, {so}, and their Chinese; the longest first: shorter ones fit too."""
    return [
        (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+)", re.escape(phrase))), text)
        for phrase, text in sorted(chinese().items(), key=lambda each: -len(each[0]))
        if "{" in phrase
    ]


def in_chinese(phrase: str) -> str:
    """A phrase of the table, or a sentence: in that {what} is a phrase, {who} somebody, and anything else a
    name or number that stays. What is neither stays as it is."""
    if (known := chinese().get(phrase)) is not None:
        return known
    for sentence, text in _sentences():
        if found := sentence.fullmatch(phrase):
            parts = {name: _PARTS.get(name, str)(part) for name, part in found.groupdict().items()}
            return text.format_map(parts)
    return phrase


def person_in_chinese(who: str) -> str:
    """Who did something; the name of a person stays, also where it is a word of the table."""
    return in_chinese(who) if who in _NOBODY or who.startswith("token ") or ", roll-out " in who else who


_PARTS = {"what": in_chinese, "who": person_in_chinese}


def speakers(language: str) -> dict[str, Callable[[str], str]]:
    """What templates put each phrase through, and each one who did something."""
    is_chinese = language == "zh"
    return {"_": in_chinese if is_chinese else str, "person": person_in_chinese if is_chinese else str}


def table(language: str) -> dict[str, str]:
    """What the scripts of a page translate by."""
    return chinese() if language == "zh" else {}
