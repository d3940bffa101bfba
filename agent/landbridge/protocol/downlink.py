"""The agent's downlink, as the bytes inside its envelope: the reply to an uplink.

The shape is `downlink` in docs/reference/landbridge.cddl.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import cbor2

from landbridge.protocol.limits import MAX_DOWNLINK_BYTES, VERSION

EPOCH_KEY = 11
"""The current key epoch, in the downlink that answers an uplink of an earlier one."""


def encode_downlink(
    answered: int, committed: Iterable[int], now_s: int, pending: Sequence[Mapping[int, Any]] = ()
) -> bytes:
    """Return the downlink that answers uplink number `answered`.

    `committed` are the capture sequences that are durable; `now_s` is the time, seconds since
    2000; `pending` are more pairs, the most important first: what does not fit in
    MAX_DOWNLINK_BYTES waits for the next downlink.
    """
    bounds = [bound for low_high in ranges(committed) for bound in low_high]
    reply: dict[int, Any] = {0: VERSION, 1: answered, 2: bounds, 3: now_s}
    for pairs in pending:
        larger = dict(sorted((reply | dict(pairs)).items()))
        if len(cbor2.dumps(larger)) <= MAX_DOWNLINK_BYTES:
            reply = larger
    return cbor2.dumps(reply)


def ranges(sequences: Iterable[int]) -> list[tuple[int, int]]:
    """The sequences as inclusive (lowest, highest) ranges in rising order."""
    distinct = set(sequences)
    if not distinct:
        return []
    lowest, highest = min(distinct), max(distinct)
    if highest - lowest == len(distinct) - 1:
        return [(lowest, highest)]
    rising = sorted(distinct)
    breaks = [(low, high) for low, high in pairwise(rising) if high != low + 1]
    lows = [rising[0], *(high for _, high in breaks)]
    highs = [*(low for low, _ in breaks), rising[-1]]
    return list(zip(lows, highs, strict=True))
