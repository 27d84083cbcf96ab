#!/usr/bin/env python3
"""Writes the seed inputs of fuzz_boots, fuzz_frame, fuzz_journal and fuzz_receiver to tests/fuzz/corpus/<name>.

    tests/fuzz/make_corpus.py

Each format is described at the top of its fuzz_*.c. Run it again when one of them changes.
"""
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).resolve().parent


def cobs(data):
    """Consistent Overhead Byte Stuffing, without the closing zero."""
    out, block = bytearray(), bytearray()
    for byte in data:
        if len(block) == 254:
            out += b"\xff" + block
            block.clear()
        if byte == 0:
            out.append(len(block) + 1)
            out += block
            block.clear()
        else:
            block.append(byte)
    out.append(len(block) + 1)
    return bytes(out + block)


def frame(message):
    return cobs(message + struct.pack("<I", zlib.crc32(message))) + b"\0"


def frame_seeds():
    query = bytes([1, 0, 5, 0])
    data = struct.pack("<BBHI", 3, 0, 5, 4096) + bytes(i & 0xFF for i in range(512))
    yield "query", b"\x03" + frame(query)
    yield "data", b"\x07" + frame(data)
    yield "filler", b"\x01" + bytes(5) + frame(query) + bytes(3) + frame(query)
    yield "damaged", b"\x02" + frame(query)[:-3] + b"\0" + frame(query)
    yield "full_blocks", b"\x1f" + frame(b"\x55" * 250) + frame(b"\x55" * 504)
    yield "too_long", b"\x08" + frame(b"\x11" * 700) + frame(query)


REPAIR = 2


def state(confirmed, phase, candidate, attempts=0, outcome=0, counter=0, durable=0, erased=0, sequence=1):
    fields = struct.pack("<4sIBBBBBBxxIII32s", b"FEJ1", sequence, 1, confirmed, phase, candidate,
                         attempts, outcome, counter, durable, erased, b"\xab" * 32)
    return fields + struct.pack("<I", zlib.crc32(fields))


def log(sequence, boot):
    fields = struct.pack("<4sIBBBBBBxxI8s32x", b"FEJ1", sequence, 2, 1, 3, 0, 2, 50, boot, b"\1" * 8)
    return fields + struct.pack("<I", zlib.crc32(fields))


def chunk(sector, place, content, repair=False):
    return bytes([sector | (REPAIR if repair else 0), place]) + content


def journal_seeds():
    first = state(0, 0, 0, counter=1)
    yield "formatted", chunk(0, 0, first)
    yield "filling", chunk(0, 0, first) + chunk(0, 1, state(0, 1, 1, durable=4096, erased=1, sequence=2))
    yield "two_sectors", chunk(0, 63, state(0, 2, 1, 3, sequence=64)) + chunk(1, 0, state(0, 3, 1, 2, sequence=66))
    yield "logs", chunk(0, 0, first) + chunk(0, 1, log(2, 1)) + chunk(0, 2, log(3, 2))
    yield "torn", chunk(0, 0, first) + chunk(0, 1, state(0, 0, 0, sequence=2)[:20])
    yield "repaired", chunk(1, 5, bytes(64), repair=True)
    yield "zeros", chunk(0, 0, bytes(64)) + chunk(1, 0, bytes(64))


# Steps of fuzz_receiver: low 4 bits what, high 4 bits how (the image, and how much is spoilt).
RAW, FRAMED, OPEN, REST, NEXT, DATA, CLOSE, BOOTLOADER, APPLICATION, NAME, NAME_SPOILT, PLAIN = range(12)
B, A, OTHER_B = 1, 2, 3
REVERT = 4


def step(what, how=0, *more):
    return bytes([what | how << 4, *more])


def update(image):
    return step(OPEN, image) + step(REST, image) + step(CLOSE, image)


def receiver_seeds():
    confirm = step(APPLICATION) + step(NAME, B)
    yield "update", update(B) + confirm
    yield "update_by_application", step(APPLICATION) + update(B) + step(BOOTLOADER) + confirm
    yield "there_and_back", update(B) + confirm + update(A) + step(APPLICATION) + step(NAME, A)
    yield "exhausted", update(B) + step(APPLICATION) * 5
    yield "reverted", update(B) + step(APPLICATION) + step(NAME, B + REVERT) + step(APPLICATION)
    yield "resumed", step(OPEN, B) + step(NEXT, B, 0, 4) * 5 + step(BOOTLOADER) + update(B)
    yield "changed_mind", step(OPEN, B) + step(NEXT, B, 0, 4) * 3 + update(OTHER_B)
    yield "spoilt_open", step(OPEN, B + 4, 20, 0, 1)
    yield "spoilt_data", step(OPEN, B) + step(DATA, B, 0, 0, 0, 4, 1) + step(REST, B) + step(CLOSE, B) * 2
    yield "spoilt_close", step(OPEN, B) + step(REST, B) + step(CLOSE, B + 4, 9, 0, 1)
    yield "wrong_slot", update(0) + update(A)
    yield "questions", b"".join(step(PLAIN, 0, kind) for kind in (1, 9, 7, 8, 0x55))
    yield "raw", step(FRAMED, 0, 4, 1, 0, 0, 0) + step(RAW, 0, 3, 0, 1, 0)


def boots_seeds():
    yield "revert", b"\x0017 watchdog revert_exhausted a 1.0.0 2 TRIAL_EXHAUSTED"
    yield "nothing", b"\x001 power listen - - 0 NOTHING_BOOTABLE"
    yield "largest", b"\x004294967295 brown-out a23456789012345678901234567890ab b 255.255.65535+4294967295 255 X_9"
    yield "too_many_words", b"\x001 power listen - - 0 OK more"
    yield "entry", b"\x01" + struct.pack("<IBBBBBBHBBHI", 17, 0x20, 4, 1, 2, 8, 0, 0, 1, 2, 3, 4)
    yield "entry_of_ones", b"\x01" + b"\xff" * 64


def main():
    seeds = {"boots": boots_seeds, "frame": frame_seeds, "journal": journal_seeds, "receiver": receiver_seeds}
    for target, make in seeds.items():
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in make():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
