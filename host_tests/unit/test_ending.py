"""How a command of tools/ ends."""

import pytest

from tools.ending import one_line


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [(OSError("no room"), 1, "no room\n"), (KeyboardInterrupt(), 130, "interrupted\n")],
)
def test_an_expected_error_is_one_line(capsys, error, code, printed):
    assert one_line(OSError)(lambda: _fail(error))() == code
    assert capsys.readouterr().err == printed


def test_another_error_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        one_line(OSError)(lambda: _fail(ZeroDivisionError()))()


def _fail(error: BaseException) -> int:
    raise error
