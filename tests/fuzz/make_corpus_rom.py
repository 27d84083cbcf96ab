#!/usr/bin/env python3
"""Writes the seed inputs of fuzz_rom to tests/fuzz/corpus/rom: scripts of what a chip answers.

    tests/fuzz/make_corpus_rom.py
"""
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
USART, I2C, SMALL_I2C, SLOW = range(4)
CONNECTED_F411, CONNECTED_L43X = 0x30, 0x50
NOTHING, REFUSED, NACK, SAME, READ, BYTES, ACK = range(7)
UPDATE, COMMAND = 0, 1


def command(kind, count=1, *rest):
    return bytes([COMMAND, kind, count, *rest])


def list_of(*content):
    return bytes([BYTES]) + bytes(content).ljust(300, b"\0")


ERASED = bytes([SAME, 0xFF])
ERASE = bytes([ACK] * 3)
CHUNK = bytes([ACK] * 3 + [ACK] * 3 + [READ])
DIFFERS = bytes([ACK] * 3 + [SAME, 0x55])

SEEDS = {
    "connect": bytes([USART]) + command(14) + bytes([ACK]) + list_of(0x79, 0x31, 0, 0, 0x79)
    + list_of(0x79, 11, 0x31, 0, 1, 2, 0x11, 0x21, 0x31, 0x44, 0x63, 0x73, 0x82, 0x92, 0x79)
    + list_of(0x79, 1, 4, 0x31, 0x79) * 2,
    "connect_i2c": bytes([I2C]) + command(14) + bytes([ACK, BYTES, 0x11] + [ACK] * 2 + [BYTES, 17, 0x11]),
    "update": bytes([USART | CONNECTED_L43X, UPDATE]) + DIFFERS + ERASE + bytes([ACK] * 3) + ERASED + CHUNK * 40,
    "update_f411": bytes([SMALL_I2C | CONNECTED_F411, UPDATE]) + DIFFERS + ERASE + CHUNK * 20,
    "same": bytes([USART | CONNECTED_L43X, UPDATE]) + bytes([ACK, ACK, ACK, READ]) * 30,
    "search": bytes([USART | CONNECTED_L43X]) + command(1, 16) + bytes([ACK, NOTHING, NACK, ACK, NACK, NACK, ACK]),
    "refused": bytes([I2C | CONNECTED_L43X]) + command(4, 1, 3) + bytes([REFUSED, ACK, REFUSED, NACK, NACK, NACK]),
    "slow": bytes([SLOW | CONNECTED_F411]) + command(3, 64) + bytes([ACK] * 4) + command(15) + bytes([NACK] * 3),
}


def main():
    folder = HERE / "corpus" / "rom"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)


main()
