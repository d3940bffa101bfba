"""The error that a call ends with, on both runtimes."""


def raises(kind, function, *args):
    """The error of this kind that the call raises."""
    try:
        function(*args)
    except kind as error:
        return error
    raise AssertionError("no error")
