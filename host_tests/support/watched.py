"""The health of an agent, as it reports it."""

import urllib.error
import urllib.request

from host_tests.support.agent import Installation


def ask(it: Installation, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{it.config.watch.port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
