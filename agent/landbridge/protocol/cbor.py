"""Strict CBOR (RFC 8949): exactly one item, shortest form, definite lengths, no tags."""

from typing import Any, NoReturn

import cbor2

from landbridge.protocol.limits import MAX_DEPTH, MAX_ENVELOPE_BYTES, WireError


def _refuse(*_: object) -> NoReturn:
    raise ValueError("tags are not allowed")


class _NoTags(dict[int, Any]):
    """Answers for every tag, so that no decoder built into cbor2 (regex, references) ever runs."""

    def get(self, *_: object) -> Any:
        return _refuse

    def __getitem__(self, _: object) -> Any:
        return _refuse


_NO_TAGS = _NoTags()


def loads(data: bytes) -> Any:
    """Decode the one item `data` consists of; raises `WireError` on anything else."""
    if len(data) > MAX_ENVELOPE_BYTES:
        raise WireError(f"{len(data)} bytes, at most {MAX_ENVELOPE_BYTES} are allowed")
    try:
        item = cbor2.loads(
            data,
            max_depth=MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_NO_TAGS,
            tag_hook=_refuse,
        )
        canonical = cbor2.dumps(item)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise WireError(f"not the CBOR of the contract: {error}") from error
    # Writing it again finds what the decoder lets pass: bytes left over, integers not in their
    # shortest form.
    if canonical != data:
        raise WireError("not the CBOR of the contract: bytes left over or not the shortest form")
    return item
