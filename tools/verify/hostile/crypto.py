"""Cryptography against the vectors of the RFCs and against `cryptography`, on both runtimes.

Published vectors are in data/crypto_vectors.json: RFC 3610 (those with an 8-byte tag), RFC 9052 and the
examples of cose-wg, RFC 5869, RFC 4231. Random cases are computed by `cryptography` and by the agent's own
envelope; the device's code (`tools/verify/on_device/hostile.py` describes how) must come to the same bytes,
and back.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from landbridge.protocol import envelope
from landbridge.protocol.envelope import Direction
from landbridge.protocol.limits import MAX_PARTIAL_IV, WireError

from tools.flash.layout import FIRMWARE, VERIFY_ON_DEVICE
from tools.verify.harness.figures import Part

VECTORS = Path(__file__).with_name("data") / "crypto_vectors.json"
CHECKS = 10_000
CORE = VERIFY_ON_DEVICE / "hostile.py"
MICROPYTHON = Path(sys.executable).with_name("micropython")
HEAP = "heapsize=96wK"
"""That of the device."""
_FLIPPED = 4
"""The number of envelopes each way of which every bit is inverted in turn."""
_MOST_BYTES = 3_400
_DIRECTIONS: tuple[Direction, ...] = ("up", "down")

Case = list[Any]


def published() -> Iterator[Case]:
    """The vectors of the RFCs, and each bit of them inverted."""
    for kind, cases in json.loads(VECTORS.read_text()).items():
        for case in cases:
            yield [kind, *case]
            if kind == "ccm":
                yield ["ccm flips", *case]


def at_random(seed: int, checks: int) -> Iterator[Case]:
    """Cases computed by `cryptography`: half AES-CCM, a quarter HKDF, a quarter envelopes."""
    rng = random.Random(seed)
    makers = (_ccm, _ccm, _hkdf, _envelope)
    for i in range(checks):
        yield makers[i % len(makers)](rng, f"seed {seed} case {i}")


def flipped(seed: int) -> Iterator[Case]:
    """Envelopes of which every bit is inverted."""
    rng = random.Random(seed)
    for direction in _DIRECTIONS:
        for i in range(_FLIPPED):
            _, *case = _envelope(rng, f"{direction} {i}", (direction,), most=90)
            yield ["flips", *case]


def _ccm(rng: random.Random, name: str) -> Case:
    key, nonce, aad = rng.randbytes(16), rng.randbytes(13), rng.randbytes(rng.randrange(1, 80))
    text = rng.randbytes(_length(rng))
    encrypted = AESCCM(key, 8).encrypt(nonce, text, aad)
    return ["ccm", name, *(each.hex() for each in (key, nonce, aad, text, encrypted))]


def _hkdf(rng: random.Random, name: str) -> Case:
    ikm, salt, info = (rng.randbytes(rng.randrange(most)) for most in (100, 100, 100))
    okm = HKDF(SHA256(), rng.randrange(1, 120), salt, info).derive(ikm)
    return ["hkdf", name, *(each.hex() for each in (ikm, salt, info, okm))]


def _envelope(
    rng: random.Random, name: str, ways: Sequence[Direction] = _DIRECTIONS, most: int = _MOST_BYTES
) -> Case:
    key, way = rng.randbytes(32), rng.choice(ways)
    device = "".join(rng.choices("0123456789abcdefghijklmnopqrstuvwxyz-", k=rng.randrange(1, 33)))
    number = rng.randrange(MAX_PARTIAL_IV + 1) >> 8 * rng.randrange(5)
    text = rng.randbytes(1 + _length(rng) % most)
    encrypted = envelope.seal(key, device, way, number, text)
    return ["envelope", name, key.hex(), device, way, number, text.hex(), encrypted.hex()]


def _length(rng: random.Random) -> int:
    """Short ones mostly, about the borders of blocks often, sometimes a full message."""
    kind = rng.randrange(20)
    if kind == 0:
        return rng.randrange(_MOST_BYTES)
    return rng.randrange(300) if kind < 10 else max(0, 16 * rng.randrange(10) + rng.randrange(-1, 2))


def on_cpython(lines: list[str]) -> dict[str, Any]:
    """The results of the device's code in this process."""
    tally = importlib.import_module("tools.verify.on_device.hostile").run(lines)
    return {"right": tally.right, "wrong": tally.wrong}


def on_micropython(lines: list[str]) -> dict[str, Any]:
    """And on MicroPython with the device's heap."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(lines)
        file.flush()
        ended = subprocess.run(
            [str(MICROPYTHON), "-X", HEAP, str(CORE), file.name],
            env=os.environ | {"MICROPYPATH": f"{FIRMWARE}:.frozen"},
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        result: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        return {"right": {}, "wrong": ["it died: " + (ended.stdout + ended.stderr)[-300:]]}
    return result


def agents_flips(cases: list[Case]) -> tuple[int, list[str]]:
    """The agent's turn: how many inverted bits it refused, and which it took."""
    refused, taken = 0, []
    for _, name, key, device, direction, _, _, encrypted in cases:
        data = bytearray.fromhex(encrypted)
        for bit in range(8 * len(data)):
            data[bit // 8] ^= 1 << bit % 8
            try:
                envelope.open_envelope(bytes.fromhex(key), device, direction, bytes(data))
                taken.append(f"agent: {name}, bit {bit}")
            except WireError:
                refused += 1
            data[bit // 8] ^= 1 << bit % 8
    return refused, taken


def run(seed: int, checks: int = CHECKS) -> Part:
    """All of it: the figures, and what went wrong."""
    envelopes = list(flipped(seed))
    published_cases = list(published())
    cases = [*published_cases, *at_random(seed, checks), *envelopes]
    lines = [json.dumps(case) + "\n" for case in cases]
    expected = sum(case[0] not in ("flips", "ccm flips") for case in cases)
    vectors = sum(case[0] != "ccm flips" for case in published_cases)
    part = Part({"published vectors": vectors, "random checks": checks})
    for runtime, result in (("CPython", on_cpython(lines)), ("MicroPython", on_micropython(lines))):
        refused = result["right"].pop("flips", 0)
        right = sum(result["right"].values())
        part.figures[f"right on {runtime}"] = right
        part.figures[f"inverted bits refused on {runtime}"] = refused
        part.failures += [f"{runtime}: {wrong}" for wrong in result["wrong"]]
        if right != expected:
            part.failures.append(f"{runtime}: {right} of {expected} cases are right")
    refused, taken = agents_flips(envelopes)
    part.figures["inverted bits refused by the agent"] = refused
    part.failures += taken
    return part
