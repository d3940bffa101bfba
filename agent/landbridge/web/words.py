"""The pages' words: English as it is written there, in Chinese by texts.toml."""

import tomllib
from functools import cache
from pathlib import Path

from fastapi import Request

LANGUAGES = {"en": "English", "zh": "中文"}
COOKIE = "language"
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


def table(language: str) -> dict[str, str]:
    """What the scripts of a page translate by."""
    return chinese() if language == "zh" else {}
