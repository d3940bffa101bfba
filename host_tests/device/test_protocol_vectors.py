"""The shared vectors of docs/reference on the device's side."""

import json
import sys
from array import array
from binascii import hexlify, unhexlify

from locator.codec import cbor, cose, record
from locator.codec import columns as batch
from locator.session import session


def load():
    for folder in sys.path:
        try:
            with open(folder + "/docs/reference/vectors.json") as f:
                return json.load(f)
        except OSError:
            continue
    raise OSError("docs/reference/vectors.json")


ROOM = bytearray(3500)  # taken while memory is in one piece
VECTORS = load()
KEY = unhexlify(VECTORS["key"])
DEVICE = VECTORS["device"]


def filled_batch(records):
    made = batch.Batch()
    made.n = len(records)
    for i, fields in enumerate(records):
        buf = bytearray(record.SIZE)
        record.pack_into(buf, fields[:-1])
        assert record.unpack(buf) == tuple(fields[:-1])
        made.records[i * record.SIZE : (i + 1) * record.SIZE] = buf
    return made


def test_keys_are_derived_as_agreed():
    derived = VECTORS["derived"]
    for direction in ("up", "down"):
        info = ("landbridge/1/" + direction + "/" + DEVICE).encode()
        both = cose.hkdf(KEY, bytes(4), info, 29)
        expected = derived[direction]["key"] + derived[direction]["iv"]
        assert hexlify(both).decode() == expected


def test_records_have_the_crc_of_the_vectors():
    for uplink in VECTORS["uplinks"]:
        for fields in uplink["records"]:
            buf = bytearray(record.SIZE)
            record.pack_into(buf, fields[:-1])
            assert record.is_good(buf, 0)
            assert int.from_bytes(buf[-4:], "little") == fields[-1]


def test_each_column_form():
    for vector in VECTORS["columns"]:
        values = array("i", vector["values"])
        out = cbor.Writer(bytearray(64))
        batch._write_column(out, values, len(values))
        assert hexlify(out.buf[: out.n]).decode() == vector["cbor"], vector["name"]


def test_uplinks_are_encoded_and_sealed_to_the_byte():
    up = cose.Envelope(KEY, cose.UP, DEVICE)
    for uplink in VECTORS["uplinks"]:
        plain = unhexlify(uplink["cbor"])
        if uplink["records"]:
            out = cbor.Writer(ROOM)
            filled_batch(uplink["records"]).write(out)
            assert bytes(out.buf[: out.n]) in plain, uplink["name"]
        buf = bytearray(40 + len(plain) + 8)
        buf[40 : 40 + len(plain)] = plain
        start, end = up.seal(buf, 40, 40 + len(plain), uplink["number"])
        assert hexlify(buf[start:end]).decode() == uplink["envelope"], uplink["name"]


def test_replies_are_opened_and_read():
    down = cose.Envelope(KEY, cose.DOWN, DEVICE)
    for reply in VECTORS["downlinks"]:
        number, plain = down.open(unhexlify(reply["envelope"]))
        assert number == reply["number"]
        assert hexlify(plain).decode() == reply["cbor"]
        ranges = [seq for lo_hi in reply["acknowledged"] for seq in lo_hi]
        read = session.read_downlink(plain)
        assert (read[1], read[2], read[3]) == (reply["answers"], ranges, reply["time"]), reply["name"]


def test_later_epochs_have_their_own_keys():
    for case in VECTORS["epochs"]:
        side = cose.Envelope(KEY, case["direction"], DEVICE, case["epoch"])
        number, plain = side.open(unhexlify(case["envelope"]))
        assert number == case["number"] and hexlify(plain).decode() == case["cbor"]
        plain = unhexlify(case["cbor"])
        buf = bytearray(40) + plain + bytes(8)
        start, end = side.seal(buf, 40, 40 + len(plain), number)
        assert hexlify(buf[start:end]).decode() == case["envelope"]
        assert refuses(cose.Envelope(KEY, case["direction"], DEVICE), unhexlify(case["envelope"]))


def test_the_refused_vectors_are_refused():
    down = cose.Envelope(KEY, cose.DOWN, DEVICE)
    for case in VECTORS["refused"]:
        if case["direction"] == "down":
            assert refuses(down, unhexlify(case["envelope"])), case["name"]


def test_every_bit_of_an_envelope_counts():
    down = cose.Envelope(KEY, cose.DOWN, DEVICE)
    good = bytearray(unhexlify(VECTORS["downlinks"][0]["envelope"]))
    for bit in range(8 * len(good)):
        good[bit // 8] ^= 1 << bit % 8
        assert refuses(down, bytes(good)), bit
        good[bit // 8] ^= 1 << bit % 8


def refuses(envelope, data):
    try:
        session.read_downlink(envelope.open(data)[1])
    except (cose.EnvelopeError, cbor.CborError):
        return True
    return False
