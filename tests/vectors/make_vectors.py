#!/usr/bin/env python3
"""Writes vectors.txt: known answers that the tests in every language share.

    build/venv/bin/python tests/vectors/make_vectors.py

Images are put together here from SPEC.md alone, not by Ferry's own code. Every run makes new
throw-away keys, which are forgotten at its end: only public keys and signatures are written. The
result is committed; run it again only when the format changes.
"""
import hashlib
import pathlib
import struct
import zlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

HERE = pathlib.Path(__file__).resolve().parent
BOARD = b"stm32f411_blackpill"
SLOTS = {"a": 0x08010000, "b": 0x08040000}
HEADER_SIZE = 0x200
STACK_POINTER = 0x20020000


def tlv(kind, value):
    return struct.pack("<HH", kind, len(value)) + value


def area(magic, tlvs):
    return struct.pack("<HH", magic, len(tlvs) + 4) + tlvs


def spki(key):
    return key.public_key().public_bytes(serialization.Encoding.DER,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)


def point(key):
    return key.public_key().public_bytes(serialization.Encoding.X962,
                                         serialization.PublicFormat.UncompressedPoint)[1:]


def sign(key, digest):
    return key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


def raw_signature(der):
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def image(key, slot, version, counter, payload_size):
    start = SLOTS[slot]
    payload = struct.pack("<II", STACK_POINTER, start + HEADER_SIZE + 8 + 1)
    payload += bytes(i * 7 & 0xFF for i in range(payload_size - len(payload)))
    protected = area(0x6908, tlv(0x50, struct.pack("<I", counter)) + tlv(0xA0, BOARD))
    header = struct.pack("<IIHHIIBBHII", 0x96F3B83D, start, HEADER_SIZE, len(protected),
                         len(payload), 0x100, *version, 0)
    signed = header.ljust(HEADER_SIZE, b"\0") + payload + protected
    digest = hashlib.sha256(signed).digest()
    signature = sign(key, digest)
    plain = area(0x6907, tlv(0x10, digest) + tlv(0x01, hashlib.sha256(spki(key)).digest()) +
                 tlv(0x22, signature))
    return {
        "slot": slot, "board": BOARD.decode(), "version": list(version), "counter": counter,
        "load_address": start, "payload_size": payload_size, "hash": digest.hex(),
        "signature": raw_signature(signature).hex(), "bytes": (signed + plain).hex(),
    }


def crc_vectors():
    inputs = [b"", b"a", b"123456789", bytes(32), b"\xff" * 32, bytes(range(256))]
    return [{"bytes": data.hex(), "crc32": zlib.crc32(data)} for data in inputs]


def signature_vectors(key):
    vectors = []
    for text in (b"", b"ferry", bytes(1000)):
        digest = hashlib.sha256(text).digest()
        der = sign(key, digest)
        vectors.append({"hash": digest.hex(), "der": der.hex(), "raw": raw_signature(der).hex()})
    return vectors


def make():
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    return {
        "crc": crc_vectors(),
        "key": [{"point": point(k).hex(), "hash": hashlib.sha256(spki(k)).hexdigest(),
                 "spki": spki(k).hex()} for k in (key, other)],
        "signature": signature_vectors(key),  # by key.0
        "image": {                             # by key.0
            "a": image(key, "a", (1, 2, 3, 4), 5, 64),
            "b": image(key, "b", (2, 0, 65535, 0), 0x02000001, 101),
        },
    }


def lines(value, name):
    """Nested data as "name.of.part = value" lines."""
    if isinstance(value, dict):
        return [line for key, part in value.items() for line in lines(part, f"{name}.{key}")]
    if isinstance(value, list):
        return [line for i, part in enumerate(value) for line in lines(part, f"{name}.{i}")]
    return [f"{name[1:]} = {value}"]


if __name__ == "__main__":
    head = "# Made by make_vectors.py. Bytes are hexadecimal, numbers decimal."
    (HERE / "vectors.txt").write_text("\n".join([head, *lines(make(), "")]) + "\n")
