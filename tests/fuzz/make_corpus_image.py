#!/usr/bin/env python3
"""Writes the seed inputs of fuzz_image to tests/fuzz/corpus/image, from tests/vectors/vectors.txt.

    tests/fuzz/make_corpus_image.py
"""
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
HEADER_SIZE = 0x200


def vectors():
    lines = (HERE.parent / "vectors" / "vectors.txt").read_text().splitlines()
    return dict(line.split(" = ", 1) for line in lines if not line.startswith("#"))


def small_header(image):
    """The same image with a 32-byte header: the fuzzer need not carry 480 zeros along."""
    return image[:8] + (32).to_bytes(2, "little") + image[10:32] + image[HEADER_SIZE:]


def seeds(values):
    for slot in "ab":
        image = bytes.fromhex(values[f"image.{slot}.bytes"])
        payload_size = int(values[f"image.{slot}.payload_size"])
        tlvs = image[HEADER_SIZE + payload_size:]
        yield f"file_{slot}", image
        yield f"small_{slot}", small_header(image)
        yield f"claims_{slot}", image[:32] + image[HEADER_SIZE:HEADER_SIZE + 8] + tlvs
        yield f"truncated_{slot}", small_header(image)[:-40]
    for i in range(3):
        yield f"der_{i}", bytes.fromhex(values[f"signature.{i}.der"])


def main():
    folder = HERE / "corpus" / "image"
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds(vectors()):
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
