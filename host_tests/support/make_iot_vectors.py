"""Writes host_tests/iot_vectors.json: what an IoT eUICC and its remote manager say to each other, built with
an independent ASN.1 codec from iot.asn. Neither the agent's encoder nor the simulated card has a part in it.

Run from the root of the repository: python -m host_tests.support.make_iot_vectors
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import asn1tools
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tools.modem.card.rsp import chain

PATH = Path(__file__).parents[1] / "iot_vectors.json"
EID = "89049032123451234512345678901235"
EIM_ID = "landbridge-0123456789abcdef"
TRANSACTION = bytes.fromhex("0011223344556677")
FIRST, SECOND, THIRD = "8949030000000000001", "8949030000000000002", "8949030000000000003"
NO_RIGHT = "8949030000000000009"
MOST_COUNTER = 0x7FFFFF
TAGS = bytes.fromhex("5A9F7090929F269F6795")


@cache
def codec() -> Any:
    """The messages, compiled once."""
    return asn1tools.compile_files(str(Path(__file__).with_name("iot.asn")), "der")


def key() -> ec.EllipticCurvePrivateKey:
    """The manager's."""
    return chain.key("eIM vectors")


def encoded(kind: str, value: Any) -> bytes:
    """By the schema."""
    return bytes(codec().encode(kind, value))


def swapped(iccid: str) -> bytes:
    """As on the card."""
    text = iccid.ljust(20, "F")
    return bytes(int(text[i + 1] + text[i], 16) for i in range(0, 20, 2))


def named(iccid: str) -> dict[str, bytes]:
    """A profile in an order."""
    return {"iccid": swapped(iccid)}


def signature(by: ec.EllipticCurvePrivateKey, content: bytes, token: int) -> bytes:
    """Over the content and the association token."""
    content += encoded("Token", token)
    r, s = decode_dss_signature(by.sign(content, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def request(counter: int, orders: Any, token: int = 1, **other: Any) -> bytes:
    """A signed package."""
    signed = {
        "eimId": EIM_ID, "eid": bytes.fromhex(EID), "counter": counter, "transaction": TRANSACTION,
        "package": orders, **other,
    }  # fmt: skip
    by = key() if token else chain.key("eIM of somebody else")
    whole = {"signed": signed, "signature": signature(by, encoded("PackageSigned", signed), token)}
    return encoded("PackageRequest", whole)


def result(counter: int, number: int, results: list[Any]) -> tuple[str, Any]:
    """The result of a package, signed by the card."""
    data = {
        "eimId": EIM_ID, "counter": counter, "transaction": TRANSACTION, "number": number, "results": results
    }  # fmt: skip
    by = chain.euicc(EID).key
    return "ok", {"data": data, "signature": signature(by, encoded("ResultData", data), 1)}


def refusal(counter: int, code: int) -> bytes:
    """A refusal, signed by the card."""
    data = {"eimId": EIM_ID, "counter": counter, "transaction": TRANSACTION, "code": code}
    signed = {"data": data, "signature": signature(chain.euicc(EID).key, encoded("ErrorData", data), 1)}
    return encoded("PackageResult", ("error", signed))


def association(counter: int, token: int) -> dict[str, Any]:
    """EimConfigurationData of the manager."""
    point = (
        key()
        .public_key()
        .public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    algorithm = {"id": "1.2.840.10045.2.1", "curve": "1.2.840.10045.3.1.7"}
    return {
        "eimId": EIM_ID, "kind": 3, "counter": counter, "token": token,
        "key": ("public", {"algorithm": algorithm, "point": (point, 8 * len(point))}),
        "protocols": (b"\x08", 5), "indirect": None,
    }  # fmt: skip


def profile(iccid: str, name: str, enabled: bool = False, fallback: bool = False) -> dict[str, Any]:
    """As the card lists it."""
    return {
        "iccid": swapped(iccid), "state": int(enabled), "name": name, "kind": 2, "fallback": fallback,
        "fallbackAllowed": iccid != NO_RIGHT,
    }  # fmt: skip


def steps() -> list[tuple[str, bytes, bytes]]:
    """(name, request, answer) in the order in which a new card gets them; it is reset after each that asks
    for a REFRESH. Its profiles: FIRST, which is enabled, SECOND, THIRD and NO_RIGHT."""
    everybody = [profile(FIRST, "one", True), profile(SECOND, "two"), profile(THIRD, "three")]
    last = profile(NO_RIGHT, "nine")
    after = [{**each, "state": int(each["name"] == "two")} for each in everybody]
    after[0] = {**after[0], "fallback": True}
    of_fallback = [("setFallback", named(FIRST)), ("setFallback", named(NO_RIGHT)), ("unsetFallback", {})]
    enabling = [("setFallback", named(FIRST)), ("enable", named(SECOND) | {"rollback": None})]
    swap = [("disable", named(SECOND)), ("enable", named(FIRST) | {"rollback": None})]
    deleting = [("delete", named(SECOND)), ("delete", named(THIRD)), ("delete", named(THIRD))]

    def ok(*about: Any) -> bytes:
        return encoded("PackageResult", result(*about))

    return [
        ("no association yet", encoded("GetEim", {}), encoded("EimList", {"list": []})),
        ("package before an association",
         request(1, ("psmo", [("list", {"tags": TAGS})])),
         encoded("PackageResult", ("unsigned", {"eimId": EIM_ID, "transaction": TRANSACTION}))),
        ("associate", encoded("AddInitialEim", {"list": [association(0, -1)]}),
         encoded("Added", ("ok", [("token", 1)]))),
        ("associate again", encoded("AddInitialEim", {"list": [association(0, -1)]}),
         encoded("Added", ("error", 2))),
        ("the association", encoded("GetEim", {}), encoded("EimList", {"list": [association(0, 1)]})),
        ("somebody else's signature", request(1, ("psmo", [("list", {"tags": TAGS})]), token=0),
         encoded("PackageResult", ("unsigned", {"eimId": EIM_ID, "transaction": TRANSACTION, "token": 1}))),
        ("another card's package", request(1, ("psmo", []), eid=bytes(16)), refusal(1, 3)),
        ("a counter beyond its end", request(MOST_COUNTER + 1, ("psmo", [])), refusal(MOST_COUNTER + 1, 6)),
        ("list", request(1, ("psmo", [("list", {"tags": TAGS})])),
         ok(1, 1, [("list", ("ok", [*everybody, last]))])),
        ("replay", request(1, ("psmo", [("list", {"tags": TAGS})])), refusal(1, 4)),
        ("fallback attribute", request(2, ("psmo", of_fallback)),
         ok(2, 2, [("setFallback", 0), ("setFallback", 2), ("unsetFallback", 0)])),
        ("enable with roll-back", request(3, ("psmo", enabling)),
         ok(3, 3, [("setFallback", 0), ("enable", 0)])),
        ("list after the switch", request(4, ("psmo", [("list", {"tags": TAGS})])),
         ok(4, 4, [("list", ("ok", [*after, last]))])),
        ("roll back", encoded("RollBack", {"refresh": True}),
         encoded("RolledBack", {"code": 0, "result": result(3, 5, [("rollback", 0)])})),
        ("roll back twice", encoded("RollBack", {"refresh": True}), encoded("RolledBack", {"code": 1})),
        ("fallback profile is enabled already", encoded("FallBack", {"refresh": True}),
         encoded("FellBack", {"code": 2})),
        ("enable once more", request(5, ("psmo", [("enable", named(SECOND) | {"rollback": None})])),
         ok(5, 6, [("enable", 0)])),
        ("fall back", encoded("FallBack", {"refresh": True}), encoded("FellBack", {"code": 0})),
        ("delete the one to return to, one, and none", request(6, ("psmo", deleting)),
         ok(6, 7, [("delete", 21), ("delete", 0), ("delete", 1)])),
        ("return", encoded("Return", {"refresh": True}), encoded("Returned", {"code": 0})),
        ("return twice", encoded("Return", {"refresh": True}), encoded("Returned", {"code": 6})),
        ("disable and enable", request(7, ("psmo", swap)), ok(7, 8, [("disable", 0), ("enable", 0)])),
        ("the results that were not removed", encoded("RetrieveResults", {"search": ("results", None)}),
         encoded("Results", ("results", [
             result(2, 2, [("setFallback", 0), ("setFallback", 2), ("unsetFallback", 0)]),
             result(3, 3, [("setFallback", 0), ("enable", 0)]),
             result(4, 4, [("list", ("ok", [*after, last]))]),
             result(3, 5, [("rollback", 0)]),
             result(5, 6, [("enable", 0)]),
             result(6, 7, [("delete", 21), ("delete", 0), ("delete", 1)]),
             result(7, 8, [("disable", 0), ("enable", 0)]),
         ]))),
        ("list managers", request(8, ("eco", [("list", {})])),
         ok(8, 9, [("listEim", ("ok", [{"eimId": EIM_ID}]))])),
        ("end the association", request(9, ("eco", [("delete", {"eimId": EIM_ID})])),
         ok(9, 10, [("deleteEim", 2)])),
        ("package after the end", request(10, ("psmo", [])),
         encoded("PackageResult", ("unsigned", {"eimId": EIM_ID, "transaction": TRANSACTION}))),
    ]  # fmt: skip


def text() -> str:
    """The file, one vector a line."""
    lines = (
        json.dumps({"name": name, "request": asked.hex(), "answer": said.hex()})
        for name, asked, said in steps()
    )
    return '{"vectors": [\n ' + ",\n ".join(lines) + "\n]}\n"


if __name__ == "__main__":
    PATH.write_text(text())
