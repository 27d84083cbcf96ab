#!/usr/bin/env python3
"""Writes the seed inputs of fuzz_sender to tests/fuzz/corpus/sender: scripts of a node's answers.

    tests/fuzz/make_corpus_sender.py
"""
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
IMAGE_SIZE = 5003
INFO, OPENED, ACK, CLOSED, RESULT, LOGGED, NAK = range(7)
ANSWER, WAIT, RAW, START = range(4)
BUSY, NOT_OPEN, BAD_OFFSET, FLASH = 5, 13, 11, 2


def answer(kind, body, probe=False):
    return bytes([ANSWER, kind | (0x80 if probe else 0), len(body)]) + body


def opened(resume=0, data_max=1024, window=4096, status=0):
    return answer(OPENED, struct.pack("<BBHII", status, 1, data_max, resume, window))


def ack(offset, window=4096):
    return answer(ACK, struct.pack("<III", offset, 0, window))


def nak(status, offset, kind=3):
    return answer(NAK, struct.pack("<BBHII", status, kind, 0, offset, 0))


def info(flags, probe):
    return answer(INFO, struct.pack("<HHBB5BB8xII", 1, 0, 255, 0, 255, 0, 255, 0, 0, flags, 0, 0) + bytes(60),
                  probe)


WAIT_LONG = bytes([WAIT | 0xFC]) * 4
CLOSED_OK = answer(CLOSED, bytes(4))

SEEDS = {
    "whole": opened() + b"".join(ack(at) for at in (1024, 3072, IMAGE_SIZE)) + CLOSED_OK,
    "resume": opened(4096) + ack(IMAGE_SIZE) + answer(CLOSED, bytes([BUSY, 0, 0, 0])) + WAIT_LONG + CLOSED_OK,
    "gap": opened() + nak(BAD_OFFSET, 1024) + nak(BAD_OFFSET, 1024) + ack(4096) + nak(FLASH, 0) + ack(IMAGE_SIZE),
    "restart": opened() + ack(1024) + nak(NOT_OPEN, 0) + bytes([START, 1]) + opened(1024) + ack(IMAGE_SIZE),
    "probe": opened(window=1024) + WAIT_LONG + info(4, True) + ack(1024) + WAIT_LONG + info(0, True),
    "small_window": opened(data_max=4, window=3) + WAIT_LONG + ack(4, 0) + WAIT_LONG,
    "raw": bytes([RAW | 0x7C]) + bytes(range(0x7E)),
    "requests": b"".join(bytes([START, kind]) + answer(RESULT, bytes(4)) for kind in range(6)),
}


def main():
    folder = HERE / "corpus" / "sender"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)


main()
