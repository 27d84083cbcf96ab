"""Takes the vectors of link.json apart again, by the tables of SPEC.md, and compares the fields.

A decoder of its own: it shares no code with make_link_vectors.py, nor with the C code.
"""
import json
import pathlib
import struct
import zlib

import pytest

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = json.loads((HERE / "link.json").read_text())


def by_name(kind):
    return pytest.mark.parametrize("entry", VECTORS[kind], ids=lambda e: e["name"])


# ---- frames --------------------------------------------------------------------------------------

def uncobs(data):
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        assert code != 0 and at + code <= len(data)
        out += data[at + 1:at + code]
        at += code
        if code != 0xFF and at < len(data):
            out.append(0)
    return bytes(out)


def unframe(frame):
    assert frame[-1] == 0 and 0 not in frame[:-1]
    decoded = uncobs(frame[:-1])
    message, crc = decoded[:-4], decoded[-4:]
    assert int.from_bytes(crc, "little") == zlib.crc32(message)
    assert len(frame) <= len(decoded) + len(decoded) // 254 + 2
    return message


@by_name("frames")
def test_frame(entry):
    assert unframe(bytes.fromhex(entry["frame"])).hex() == entry["message"]


# ---- messages ------------------------------------------------------------------------------------

class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        assert self.at + size <= len(self.data)
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def zeros(self, size):
        assert self.take(size) == bytes(size)

    def version(self):
        return [self.number(1), self.number(1), self.number(2), self.number(4)]

    def numbers(self, sizes):
        return {name: self.number(size) for name, size in sizes.items()}


def read_info(r):
    f = r.numbers({"protocol": 2, "capabilities": 2, "running": 1})
    slots = r.number(1)
    f |= r.numbers(dict.fromkeys(("confirmed", "phase", "candidate", "attempts", "outcome", "flags",
                                  "reset_cause", "rdp_level", "bor_level"), 1))
    keys = r.number(1)
    f |= r.numbers({"data_max": 2})
    r.zeros(2)
    f |= r.numbers(dict.fromkeys(("window", "security_counter", "durable", "bootloader_version",
                                  "write_protected"), 4))
    assert r.at == 44
    f["uid"] = r.take(12).hex()
    f["candidate_hash"] = r.take(32).hex()
    assert r.at == 88
    f["slots"] = [read_slot(r) for _ in range(slots)]
    f["keys"] = [r.take(32).hex() for _ in range(keys)]
    f["board"] = r.take(r.number(1)).decode()
    return f


def read_slot(r):
    slot = r.numbers({"start": 4, "size": 4, "content": 1})
    r.zeros(3)
    return slot | {"version": r.version(), "hash": r.take(32).hex()}


def read_open(r):
    f = r.numbers({"protocol": 2, "capabilities": 2, "total_size": 4})
    tlv_size = r.number(2)
    r.zeros(2)
    assert r.at == 16
    return f | {"header": r.take(32).hex(), "vectors": r.take(8).hex(), "tlvs": r.take(tlv_size).hex()}


def read_nak(r):
    f = r.numbers({"verdict": 1, "refused": 1})
    r.zeros(2)
    return f | r.numbers({"next": 4, "durable": 4})


def read_verdict(r):
    f = {"verdict": r.number(1)}
    r.zeros(3)
    return f


def read_logged(r):
    count = r.number(1)
    r.zeros(3)
    return {"entries": [read_entry(r) for _ in range(count)]}


def read_entry(r):
    sizes = {"boot": 4, "reset_cause": 1, "action": 1, "slot": 1, "attempts": 1, "error": 4}
    return r.numbers(sizes) | {"version": r.version()}


def read_hash(r):
    return {"hash": r.take(32).hex()}


def read_nothing(_):
    return {}


def read_opened(r):
    return r.numbers({"verdict": 1, "slot": 1, "data_max": 2, "resume_offset": 4, "window": 4})


READERS = {
    "query": (0x01, read_nothing),
    "info": (0x81, read_info),
    "open": (0x02, read_open),
    "opened": (0x82, read_opened),
    "opened_refused": (0x82, read_opened),
    "data": (0x03, lambda r: {"offset": r.number(4), "bytes": r.take(len(r.data) - 8).hex()}),
    "ack": (0x83, lambda r: r.numbers({"next": 4, "durable": 4, "window": 4})),
    "nak": (0xFF, read_nak),
    "close": (0x04, lambda r: r.numbers({"total_size": 4, "crc32": 4, "crc_from": 4})),
    "closed": (0x84, read_verdict),
    "confirm": (0x05, read_hash),
    "revert": (0x06, read_hash),
    "abort": (0x07, read_nothing),
    "reset": (0x08, read_nothing),
    "result": (0x85, read_verdict),
    "log": (0x09, lambda r: r.numbers({"skip": 4})),
    "logged": (0x89, read_logged),
}


@by_name("messages")
def test_message(entry):
    data = bytes.fromhex(entry["bytes"])
    kind, read = READERS[entry["name"]]
    assert unframe(bytes.fromhex(entry["frame"])) == data
    reader = Reader(data)
    assert reader.number(1) == kind
    reader.zeros(1)
    assert reader.number(2) == entry["tag"]
    assert read(reader) == entry["fields"]
    assert reader.at == len(data)


def test_every_message_has_a_vector():
    assert {entry["name"] for entry in VECTORS["messages"]} == set(READERS)


# ---- journal -------------------------------------------------------------------------------------

@by_name("records")
def test_record(entry):
    data = bytes.fromhex(entry["bytes"])
    assert len(data) == 64 and data[:4] == struct.pack("<I", 0x314A4546)
    assert int.from_bytes(data[60:], "little") == zlib.crc32(data[:60])
    r = Reader(data)
    r.take(4)
    f = {"sequence": r.number(4)}
    if r.number(1) == 1:
        f |= r.numbers(dict.fromkeys(("confirmed", "phase", "candidate", "attempts", "outcome"), 1))
        r.zeros(2)
        f |= r.numbers({"security_counter": 4, "durable": 4, "erased": 4}) | read_hash(r)
    else:
        f |= r.numbers(dict.fromkeys(("reset_cause", "action", "slot", "attempts", "error"), 1))
        r.zeros(2)
        f |= {"boot": r.number(4), "version": r.version()}
        r.zeros(32)
    assert r.at == 60
    assert f == entry["fields"]


# ---- link.txt ------------------------------------------------------------------------------------

def test_the_text_file_holds_the_same():
    text = dict(line.split(" = ") for line in (HERE / "link.txt").read_text().splitlines() if line[0] != "#")
    same = {}
    for kind in ("frames", "messages", "records"):
        for entry in VECTORS[kind]:
            for part in ("message", "bytes", "frame"):
                if part in entry:
                    same[f"{kind[:-1]}.{entry['name']}.{part}"] = entry[part]
    assert text == same
