#!/usr/bin/env python3
"""Writes link.json and link.txt: frames, messages and journal records, put together from SPEC.md.

    tests/vectors/make_link_vectors.py

Not by Ferry's own code: test_vectors.py takes them apart again, tests/unit/test_vectors.c compares
the C code with them. link.json is for people and other languages; link.txt is the same bytes as
"name = hex" lines. Run it again only when the protocol changes.
"""
import json
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).resolve().parent


def pattern(size, start):
    """Bytes that are easy to make anywhere: start, start + 7, ... modulo 256."""
    return bytes((start + 7 * i) & 0xFF for i in range(size))


# ---- frames (SPEC.md, section 4) ----------------------------------------------------------------

def cobs(data):
    """Cheshire and Baker: each block is a code byte, then code - 1 bytes that are not zero."""
    out = bytearray()
    blocks = data.split(b"\0")
    for number, block in enumerate(blocks):
        while len(block) > 254 or (len(block) == 254 and number < len(blocks) - 1):
            out += b"\xff" + block[:254]
            block = block[254:]
        out += bytes([len(block) + 1]) + block
    return bytes(out)


def frame(message):
    return cobs(message + struct.pack("<I", zlib.crc32(message))) + b"\0"


def frames():
    yield "shortest", bytes([1, 0, 0, 0])
    for size in (249, 250, 251, 253, 254, 255, 256, 508, 509):
        yield f"no_zero_{size}", bytes(1 + i % 255 for i in range(size))
    yield "zeros", bytes(40)
    yield "zero_at_block_edge", b"\x55" * 254 + b"\0" + b"\xaa" * 254 + b"\0\0"
    yield "mixed", pattern(1000, 3)


# ---- messages (SPEC.md, section 5) --------------------------------------------------------------

TAG = 0xBEEF


def head(kind):
    return struct.pack("<BBH", kind, 0, TAG)


def version(v):
    return struct.pack("<BBHI", *v)


def info(f):
    out = struct.pack("<HH12BHH5I", f["protocol"], f["capabilities"], f["running"], len(f["slots"]),
                      f["confirmed"], f["phase"], f["candidate"], f["attempts"], f["outcome"], f["flags"],
                      f["reset_cause"], f["rdp_level"], f["bor_level"], len(f["keys"]), f["data_max"], 0,
                      f["window"], f["security_counter"], f["durable"], f["bootloader_version"],
                      f["write_protected"])
    out += bytes.fromhex(f["uid"]) + bytes.fromhex(f["candidate_hash"])
    for slot in f["slots"]:
        out += struct.pack("<IIBxxx", slot["start"], slot["size"], slot["content"])
        out += version(slot["version"]) + bytes.fromhex(slot["hash"])
    for key in f["keys"]:
        out += bytes.fromhex(key)
    name = f["board"].encode()
    return head(0x81) + out + bytes([len(name)]) + name


def log_entry(e):
    return struct.pack("<IBBBBI", e["boot"], e["reset_cause"], e["action"], e["slot"], e["attempts"],
                       e["error"]) + version(e["version"])


def messages():
    """(name, fields as in the tables of SPEC.md, bytes). Verdicts are the byte on the wire."""
    yield "query", {}, head(0x01)
    f = {"protocol": 1, "capabilities": 0, "running": 255, "confirmed": 0, "phase": 1, "candidate": 1,
         "attempts": 3, "outcome": 31, "flags": 9, "reset_cause": 4, "rdp_level": 1, "bor_level": 3,
         "data_max": 2048, "window": 98304, "security_counter": 7, "durable": 8192,
         "bootloader_version": 0x01020003, "write_protected": 3, "uid": pattern(12, 1).hex(),
         "candidate_hash": pattern(32, 2).hex(),
         "slots": [{"start": 0x08010000, "size": 0x30000, "content": 1, "version": [1, 2, 3, 4],
                    "hash": pattern(32, 3).hex()},
                   {"start": 0x08040000, "size": 0x40000, "content": 3, "version": [0, 0, 0, 0],
                    "hash": bytes(32).hex()}],
         "keys": [pattern(32, 4).hex()], "board": "stm32f411_blackpill"}
    yield "info", f, info(f)
    f = {"protocol": 1, "capabilities": 0, "total_size": 196608, "header": pattern(32, 5).hex(),
         "vectors": pattern(8, 6).hex(), "tlvs": pattern(150, 7).hex()}
    yield "open", f, (head(0x02) + struct.pack("<HHIHH", 1, 0, 196608, 150, 0) + pattern(32, 5) + pattern(8, 6)
                      + pattern(150, 7))
    f = {"verdict": 0, "slot": 1, "data_max": 2048, "resume_offset": 8192, "window": 98304}
    yield "opened", f, head(0x82) + struct.pack("<BBHII", *f.values())
    f = {"verdict": 28, "slot": 255, "data_max": 2048, "resume_offset": 0, "window": 98304}
    yield "opened_refused", f, head(0x82) + struct.pack("<BBHII", *f.values())
    f = {"offset": 8192, "bytes": pattern(300, 8).hex()}
    yield "data", f, head(0x03) + struct.pack("<I", 8192) + pattern(300, 8)
    f = {"next": 10240, "durable": 8192, "window": 98304}
    yield "ack", f, head(0x83) + struct.pack("<III", *f.values())
    f = {"verdict": 11, "refused": 3, "next": 10240, "durable": 8192}
    yield "nak", f, head(0xFF) + struct.pack("<BBHII", 11, 3, 0, 10240, 8192)
    f = {"total_size": 196608, "crc32": 0xCBF43926, "crc_from": 4096}
    yield "close", f, head(0x04) + struct.pack("<III", *f.values())
    yield "closed", {"verdict": 5}, head(0x84) + struct.pack("<I", 5)
    f = {"hash": pattern(32, 9).hex()}
    yield "confirm", f, head(0x05) + pattern(32, 9)
    yield "revert", f, head(0x06) + pattern(32, 9)
    yield "abort", {}, head(0x07)
    yield "reset", {}, head(0x08)
    yield "result", {"verdict": 44}, head(0x85) + struct.pack("<I", 44)
    yield "log", {"skip": 8}, head(0x09) + struct.pack("<I", 8)
    entries = [{"boot": 12, "reset_cause": 8, "action": 5, "slot": 1, "attempts": 2, "error": 0,
                "version": [2, 0, 1, 0]},
               {"boot": 11, "reset_cause": 1, "action": 10, "slot": 255, "attempts": 0, "error": 45,
                "version": [0, 0, 0, 0]}]
    yield "logged", {"entries": entries}, (head(0x89) + struct.pack("<I", len(entries))
                                           + b"".join(log_entry(e) for e in entries))


# ---- journal (SPEC.md, section 3) ---------------------------------------------------------------

def sealed(fields):
    return fields + struct.pack("<I", zlib.crc32(fields))


def records():
    f = {"sequence": 1, "confirmed": 0, "phase": 0, "candidate": 0, "attempts": 0, "outcome": 0,
         "security_counter": 7, "durable": 0, "erased": 0, "hash": pattern(32, 10).hex()}
    yield "first_state", f, state(f)
    f = {"sequence": 2, "confirmed": 0, "phase": 1, "candidate": 1, "attempts": 3, "outcome": 31,
         "security_counter": 7, "durable": 8192, "erased": 3, "hash": pattern(32, 11).hex()}
    yield "state", f, state(f)
    f = {"sequence": 3, "reset_cause": 8, "action": 5, "slot": 1, "attempts": 2, "error": 51, "boot": 1,
         "version": [2, 0, 1, 9]}
    yield "log", f, sealed(struct.pack("<4sIBBBBBBxxI", b"FEJ1", 3, 2, 8, 5, 1, 2, 51, 1) + version(f["version"])
                           + bytes(32))


def state(f):
    return sealed(struct.pack("<4sIBBBBBBxxIII", b"FEJ1", f["sequence"], 1, f["confirmed"], f["phase"],
                              f["candidate"], f["attempts"], f["outcome"], f["security_counter"], f["durable"],
                              f["erased"]) + bytes.fromhex(f["hash"]))


# ---- files ---------------------------------------------------------------------------------------

def vectors():
    return {
        "frames": [{"name": n, "message": m.hex(), "frame": frame(m).hex()} for n, m in frames()],
        "messages": [{"name": n, "tag": TAG, "fields": f, "bytes": b.hex(), "frame": frame(b).hex()}
                     for n, f, b in messages()],
        "records": [{"name": n, "fields": f, "bytes": b.hex()} for n, f, b in records()],
    }


def lines(data):
    """The same as "name = hex"."""
    yield "# Made by make_link_vectors.py. Bytes are hexadecimal."
    for entry in data["frames"]:
        yield f"frame.{entry['name']}.message = {entry['message']}"
        yield f"frame.{entry['name']}.frame = {entry['frame']}"
    for entry in data["messages"]:
        yield f"message.{entry['name']}.bytes = {entry['bytes']}"
        yield f"message.{entry['name']}.frame = {entry['frame']}"
    for entry in data["records"]:
        yield f"record.{entry['name']}.bytes = {entry['bytes']}"


def main():
    data = vectors()
    (HERE / "link.json").write_text(json.dumps(data, indent=1) + "\n")
    (HERE / "link.txt").write_text("\n".join(lines(data)) + "\n")


if __name__ == "__main__":
    main()
