"""Writes docs/reference/download-vectors.json: what agent and device say to each other of a download.

Run from the root of the repository: python -m host_tests.support.make_download_vectors
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cbor2
from landbridge.features.downloads import coding as wire
from landbridge.features.downloads import es10
from landbridge.protocol import der

PATH = Path(__file__).parents[2] / "docs" / "reference" / "download-vectors.json"
DOWNLOAD, STEP = 3, 845_300_000
TRANSACTION = bytes(range(16))


def parts() -> list[bytes]:
    """The segments of a package: the objects are right, what they hold is filler."""
    session = der.make(
        0xBF23, der.make(0x82, b"\1"), der.make(0x80, TRANSACTION), der.make(0x5F37, bytes(64))
    )
    first = der.make(0xA0, der.make(0x87, bytes(24)))
    metadata = der.make(0xA1, der.make(0x88, bytes(90)))
    keys = der.make(0xA2, der.make(0x87, bytes(72)))
    elements = der.make(0xA3, *(der.make(0x86, bytes([n]) * size) for n, size in enumerate((1_008, 200))))
    whole = der.make(0xBF36, session, first, metadata, keys, elements)
    return es10.segments(whole, TRANSACTION)


PACKAGE = es10.spooled(parts())


def down() -> list[tuple[str, Mapping[int, Any]]]:
    """Keys of downlinks."""
    digest = hashlib.sha256(PACKAGE).digest()
    last = wire.Pull(DOWNLOAD, STEP + 3, wire.PIECE_BYTES)
    return [
        ("the first requests: EID, information 2, profiles, information 1, challenge",
         wire.request(DOWNLOAD, STEP, es10.COLLECT)),
        ("ask again after a quarter of a second", wire.wait(DOWNLOAD, STEP, wire.WAIT)),
        ("the download is over", wire.wait(DOWNLOAD, STEP, wire.OVER)),
        ("a package", wire.offer(DOWNLOAD, STEP + 3, len(PACKAGE), digest, len(parts()))),
        ("its first piece", wire.piece(wire.Pull(DOWNLOAD, STEP + 3, 0), PACKAGE)),
        ("its last piece", wire.piece(last, PACKAGE)),
        ("what the card has after an interrupted load", wire.request(DOWNLOAD, STEP + 4, es10.CHECK)),
        ("end the session on the card",
         wire.request(DOWNLOAD, STEP + 2, es10.cancel(TRANSACTION, es10.MISMATCH))),
        ("remove notification 300 of the card; 12 is its number at the agent",
         wire.request(0, 12, es10.remove(300))),
        ("delete a profile", wire.request(DOWNLOAD + 1, STEP, es10.delete("8949030000000000001"))),
        ("rename a profile", wire.request(DOWNLOAD + 2, STEP, es10.rename("8949030000000000001", "EU"))),
        ("send notification 300 whole", wire.request(0, 12, es10.retrieve(300))),
    ]  # fmt: skip


def up() -> list[tuple[str, dict[int, Any]]]:
    """Keys of uplinks."""
    return [
        ("answers of the card", {15: [DOWNLOAD, STEP, wire.DONE, bytes.fromhex("BF2E128010" + "AB" * 16)]}),
        ("what is to be done next?", {15: [DOWNLOAD, STEP, wire.DONE, b""]}),
        ("the session on the card is lost", {15: [DOWNLOAD, STEP + 1, wire.LOST, b""]}),
        ("interrupted while loading", {15: [DOWNLOAD, STEP + 3, wire.INTERRUPTED, b""]}),
        ("battery too weak to begin", {15: [DOWNLOAD, STEP, wire.FIRST_POSTPONED, b""]}),
        ("the first piece, please", {16: [DOWNLOAD, STEP + 3, 0]}),
        ("the last piece, please", {16: [DOWNLOAD, STEP + 3, wire.PIECE_BYTES]}),
        ("the notification is removed", {15: [0, 12, wire.DONE, bytes.fromhex("BF3003800100")]}),
    ]  # fmt: skip


def text() -> str:
    """The file, one vector a line."""
    lists: dict[str, list[Any]] = {
        "downlinks": [{"name": name, "cbor": cbor2.dumps(dict(pairs)).hex()} for name, pairs in down()],
        "uplinks": [{"name": name, "cbor": cbor2.dumps(pairs).hex()} for name, pairs in up()],
        "segments": [part.hex() for part in parts()],
        "package": [PACKAGE.hex()],
    }
    entries = (
        f"{json.dumps(name)}: [\n " + ",\n ".join(map(json.dumps, each)) + "\n]"
        for name, each in lists.items()
    )
    return "{\n" + ",\n".join(entries) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(text())
