"""A small LPA: it downloads profiles with requests that an independent ASN.1 codec builds.

It shares no code with the simulated card; what is signed is passed on as it came, never encoded again.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import asn1tools

from tools.modem.card.card import Card
from tools.modem.card.uicc import Uicc

ISD_R = "A0000005591010FFFFFFFF8900000100"
DEVICE = {"tac": bytes.fromhex("35290611"), "capabilities": {"gsm": b"\5\0\0", "eutran": b"\5\0\0"}}
TIMEOUT_S = 5
BLOCK = 120


@cache
def codec() -> Any:
    """The messages, compiled once."""
    return asn1tools.compile_files(str(Path(__file__).with_name("rsp.asn")), "der")


class StatusWordError(Exception):
    """The card has refused an APDU."""


class ServerError(Exception):
    """The server has refused; `args` are subject and reason."""


class Contacts(Protocol):
    """How APDUs reach a card."""

    def transmit(self, apdu: bytes) -> bytes:
        """Data and status word."""


class Direct:
    """The contacts of a simulated card, on the first logical channel."""

    def __init__(self, card: Card) -> None:
        self.uicc = Uicc(card)
        self.opened()

    def opened(self) -> None:
        """The ISD-R is selected."""
        assert self.uicc.transmit(bytes.fromhex("0070000001")) == b"\x01\x90\x00"
        assert self.uicc.transmit(bytes.fromhex("01A4040010" + ISD_R)) == b"\x90\x00"

    def transmit(self, apdu: bytes) -> bytes:
        """See `Contacts`."""
        return self.uicc.transmit(apdu)


@dataclass
class Es10:
    """Requests to the ISD-R, in blocks; counts APDUs and bytes. `before` is called at each APDU."""

    contacts: Contacts
    block: int = BLOCK
    apdus: int = 0
    sent: int = 0
    received: int = 0
    before: Any = None

    def send(self, request: bytes) -> bytes:
        """Raises StatusWordError."""
        blocks = list(cut(request, self.block))
        answer = b"\x90\x00"
        for number, block in enumerate(blocks):
            last = 0x91 if number == len(blocks) - 1 else 0x11
            answer = self._apdu(bytes([0x81, 0xE2, last, number, len(block)]) + block)
        whole = answer[:-2]
        while answer[-2] == 0x61:
            answer = self._apdu(bytes([0x81, 0xC0, 0, 0, answer[-1]]))
            whole += answer[:-2]
        return whole

    def ask(self, request: str, response: str, value: Any) -> Any:
        """By the names of the schema; the answer decoded."""
        return codec().decode(response, self.send(codec().encode(request, value)))

    def _apdu(self, apdu: bytes) -> bytes:
        if self.before:
            self.before(apdu)
        self.apdus += 1
        self.sent += len(apdu)
        answer = self.contacts.transmit(apdu)
        self.received += len(answer)
        if answer[-2] not in (0x90, 0x91, 0x61):
            raise StatusWordError(answer[-2:].hex())
        return answer


@dataclass
class Es9:
    """The functions of an SM-DP+ over HTTPS."""

    address: str
    ca_pem: str
    bodies: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Bytes of request and answer by function."""

    def call(self, function: str, **body: Any) -> Any:
        """The fields of the answer; raises ServerError, and what http.client raises."""
        data = json.dumps(body).encode()
        status, answer = self.post(f"/gsma/rsp2/es9plus/{function}", data)
        self.bodies[function] = (len(data), len(answer))
        if status == 204:
            return None
        if status != 200:
            raise http.client.HTTPException(status)
        said = json.loads(answer)
        if said["header"]["functionExecutionStatus"]["status"] != "Executed-Success":
            code = said["header"]["functionExecutionStatus"]["statusCodeData"]
            raise ServerError(code["subjectCode"], code["reasonCode"])
        return said

    def post(self, path: str, data: bytes, protocol: str = "gsma/rsp/v2.2.2") -> tuple[int, bytes]:
        """HTTP status and body."""
        context = ssl.create_default_context(cadata=self.ca_pem)
        connection = http.client.HTTPSConnection(self.address, timeout=TIMEOUT_S, context=context)
        headers = {
            "User-Agent": "gsma-rsp-lpad",
            "X-Admin-Protocol": protocol,
            "Content-Type": "application/json",
        }
        try:
            connection.request("POST", path, data, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@dataclass
class Lpa:
    """One download after the other, step by step."""

    es10: Es10
    es9: Es9
    transaction: str = ""

    def download(self, matching_id: str, code: str = "") -> Any:
        """All of it; returns the result of the installation, decoded."""
        answer = self.load(self.fetch(matching_id, code))
        self.notify()
        return codec().decode("Result", answer)["data"]["final"]

    def fetch(self, matching_id: str, code: str = "") -> bytes:
        """The bound profile package."""
        return unpacked(self.package(self.prepare(self.authenticate(self.initiate(), matching_id), code)))

    def initiate(self) -> Any:
        """What the server signs for the challenge of the card."""
        info = self.es10.send(codec().encode("Info1Request", {}))
        challenge = self.es10.ask("ChallengeRequest", "Challenge", {})["challenge"]
        said = self.es9.call(
            "initiateAuthentication",
            euiccChallenge=packed(challenge),
            euiccInfo1=packed(info),
            smdpAddress=self.es9.address,
        )
        self.transaction = said["transactionId"]
        return said

    def authenticate(self, said: Any, matching_id: str) -> Any:
        """The metadata of the profile and what the server signs next."""
        answer = self.authenticate_card(said, matching_id)
        return self.es9.call(
            "authenticateClient", transactionId=self.transaction, authenticateServerResponse=packed(answer)
        )

    def authenticate_card(self, said: Any, matching_id: str) -> bytes:
        """AuthenticateServer."""
        request = codec().encode(
            "AuthenticateServer",
            {
                "signed": codec().decode("ServerSigned", unpacked(said["serverSigned1"])),
                "signature": signature(said["serverSignature1"]),
                "root": unpacked(said["euiccCiPKIdToBeUsed"])[2:],
                "certificate": unpacked(said["serverCertificate"]),
                "context": ("common", {"matchingId": matching_id, "device": DEVICE}),
            },
        )
        assert (
            unpacked(said["serverSigned1"]) in request
        )  # encoded again it is the same, or it would not verify
        return self.es10.send(request)

    def prepare(self, said: Any, code: str = "") -> bytes:
        """PrepareDownload."""
        signed = codec().decode("SmdpSigned2", unpacked(said["smdpSigned2"]))
        value = {
            "signed": signed,
            "signature": signature(said["smdpSignature2"]),
            "certificate": unpacked(said["smdpCertificate"]),
        }
        if code:
            hashed = sha256(code.encode()).digest() + bytes.fromhex(self.transaction)
            value["hashed"] = sha256(hashed).digest()
        return self.es10.send(codec().encode("PrepareDownload", value))

    def package(self, prepared: bytes) -> str:
        """In base64."""
        said = self.es9.call(
            "getBoundProfilePackage", transactionId=self.transaction, prepareDownloadResponse=packed(prepared)
        )
        return str(said["boundProfilePackage"])

    def load(self, package: bytes) -> bytes:
        """Segment by segment; the first answer that is not empty."""
        for segment in segments(package):
            answer = self.es10.send(segment)
            if answer:
                return answer
        return b""

    def notify(self) -> list[int]:
        """Post what is pending and take it off the card; the numbers."""
        done = []
        for pending in self.pending():
            self.es9.call("handleNotification", pendingNotification=packed(pending))
            kind, value = codec().decode("Pending", pending)
            number = (value["data"] if kind == "result" else value)["metadata"]["number"]
            assert self.es10.ask("NotificationSent", "Sent", {"number": number}) == {"status": 0}
            done.append(number)
        return done

    def pending(self) -> list[bytes]:
        """The notifications as the card has signed them."""
        answer = self.es10.send(codec().encode("Retrieve", {}))
        listed = next(values(next(values(answer))))
        return [raw for raw, _ in objects(listed)]

    def cancel(self, reason: int) -> Any:
        """CancelSession, on the card and at the server."""
        transaction = bytes.fromhex(self.transaction)
        answer = self.es10.send(
            codec().encode("CancelSession", {"transaction": transaction, "reason": reason})
        )
        if codec().decode("Cancelled", answer)[0] == "ok":
            self.es9.call(
                "cancelSession", transactionId=self.transaction, cancelSessionResponse=packed(answer)
            )
        return codec().decode("Cancelled", answer)


def segments(package: bytes) -> Iterator[bytes]:
    """The pieces for ES10b (SGP.22 2.5.5): sequences whole or their heads, then object by object."""
    inner = next(values(package))
    (opening, _), *sequences = objects(inner)
    yield package[: len(package) - len(inner)] + opening
    for raw, value in sequences:
        if raw[0] in (0xA0, 0xA2):
            yield raw
            continue
        yield raw[: len(raw) - len(value)]
        yield from (each for each, _ in objects(value))


def values(data: bytes) -> Iterator[bytes]:
    """Of the objects of which `data` consists."""
    return (value for _, value in objects(data))


def objects(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each object whole, and its value."""
    at = 0
    while at < len(data):
        begin = at
        at += 2 if data[at] & 0x1F == 0x1F else 1
        length = data[at]
        at += 1
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size])
            at += size
        at += length
        assert at <= len(data)
        yield data[begin:at], data[at - length : at]


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Pieces of this size."""
    return (data[at : at + size] for at in range(0, len(data), size))


def signature(text: str) -> bytes:
    """The value of a signature in JSON, which carries the object."""
    data = unpacked(text)
    assert data[:3] == b"\x5f\x37\x40"
    return data[3:]


def packed(data: bytes) -> str:
    """Base64."""
    return base64.b64encode(data).decode()


def unpacked(text: str) -> bytes:
    """From base64."""
    return base64.b64decode(text, validate=True)
