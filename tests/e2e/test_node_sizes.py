"""Image sizes at the edge: 0, 1, the slot's size, one more; slots of different size. A size that the
node must refuse is put into an OPEN by hand, as `ferry sign` and `ferry send` would not."""
import pathlib
import re
import struct
import sys

import pytest

from lab import BUILD, SLOTS, Board, Keys, ferry, is_confirmed, slot_hash

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "vectors"))
from make_link_vectors import frame  # noqa: E402  the frames of SPEC.md, not by Ferry's own code

APP = BUILD / "stm32f411_blackpill" / "demo_app_{}.bin"
SMALLER = SLOTS["a"][1]
IMAGE_SIZE, IMAGE_TOO_BIG = 22, 34  # verdicts, SPEC.md


@pytest.fixture(name="keys", scope="module")
def make_keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("sizes"))


@pytest.fixture(name="node")
def make_node(tmp_path, keys):
    board = Board(tmp_path, keys.provision(keys.sign_app("", "1.0.0", counter="0")[0]), speed=16)
    try:
        board.settled(120)
        yield board
    finally:
        board.stop()


def padded(folder, slot, size):
    """The demo application with bytes behind it."""
    data = pathlib.Path(str(APP).format(slot)).read_bytes()
    path = folder / f"padded-{size}_{slot}.bin"
    path.write_bytes(data + bytes(i * 7 & 0xFF for i in range(size - len(data))))
    return path


def sign(keys, binary, slot, output, *more):
    return ferry("sign", "--key", keys.private, "--board", keys.board, "--slot", slot, "--version", "1.1.0",
                 *more, binary, "-o", output, check=False)


def fit(keys, folder, slot, total, *more):
    """Signs an image file of exactly this size. A DER signature differs by a byte or two from time to
    time, so it is done again until it fits; what came out one byte larger was refused."""
    output = folder / f"fit-{total}-{slot}.img"
    assert sign(keys, pathlib.Path(str(APP).format(slot)), slot, output).returncode == 0
    binary = pathlib.Path(str(APP).format(slot)).stat().st_size
    payload = total - (output.stat().st_size - binary)
    refusals = []
    for _ in range(60):
        done = sign(keys, padded(folder, slot, payload), slot, output, *more)
        if done.returncode != 0:
            refusals.append(done.stderr)
        elif output.stat().st_size == total:
            return output, refusals
    raise AssertionError(refusals)


@pytest.mark.parametrize("size", [0, 1, 7])
def test_sign_refuses_what_has_no_vectors(keys, tmp_path, size):
    (tmp_path / "x.bin").write_bytes(bytes(size))
    done = sign(keys, tmp_path / "x.bin", "a", tmp_path / "x.img")
    assert done.returncode == 1 and "too short" in done.stderr
    assert not (tmp_path / "x.img").exists()


@pytest.mark.parametrize("slot", SLOTS)
def test_sign_refuses_what_the_slot_cannot_hold(keys, tmp_path, slot):
    start, size = SLOTS[slot]
    done = sign(keys, padded(tmp_path, slot, size), slot, tmp_path / "x.img", "--this-slot-only")
    assert done.returncode == 1 and "IMAGE_TOO_BIG" in done.stderr, done.stderr
    assert not (tmp_path / "x.img").exists()


def test_one_byte_more_than_the_smaller_slot_is_refused(keys, tmp_path):
    """192 KB and 256 KB: an image for slot b must also have a twin that fits slot a."""
    image, _ = fit(keys, tmp_path, "b", SMALLER)
    assert image.stat().st_size == SMALLER
    image.unlink()
    done = sign(keys, padded(tmp_path, "b", SMALLER), "b", image)
    assert done.returncode == 1 and "--this-slot-only" in done.stderr
    assert re.search(rf"holds {SMALLER}\b", done.stderr)
    assert not image.exists()
    assert sign(keys, padded(tmp_path, "b", SMALLER), "b", image, "--this-slot-only").returncode == 0
    assert image.stat().st_size > SMALLER


def test_images_that_fill_their_slot_run(node, keys, tmp_path):
    """Slot b to its last byte, from slot a; then slot a to its last byte."""
    for slot in "ba":
        image, _ = fit(keys, tmp_path, slot, SLOTS[slot][1], "--this-slot-only")
        ferry("send", "--port", node.port, image)
        assert is_confirmed(node.settled(120), slot, "1.1.0")
        assert slot_hash(node, slot, image)
    assert node.command("counters")["flash_errors"] == 0


def opening(image, payload_size, total=None):
    """An OPEN of this image with another payload size in its header."""
    data = pathlib.Path(image).read_bytes()
    header_size, = struct.unpack_from("<H", data, 8)
    tlvs = data[header_size + struct.unpack_from("<I", data, 12)[0]:]
    header = data[:12] + struct.pack("<I", payload_size) + data[16:32]
    total = header_size + payload_size + len(tlvs) if total is None else total
    return (struct.pack("<BBHHHIHH", 2, 0, 77, 1, 0, total & 0xFFFFFFFF, len(tlvs), 0) + header +
            data[header_size:header_size + 8] + tlvs)


def verdict(board, message):
    """Says it to the node until it answers OPENED; returns the verdict."""
    with open(board.port, "r+b", buffering=0) as port:
        import select
        import tty
        tty.setraw(port)
        got = bytearray()
        for _ in range(50):
            port.write(b"\0" + frame(message))
            while select.select([port], [], [], 0.4)[0]:
                got += port.read(4096)
                for part in bytes(got).split(b"\0")[:-1]:
                    answer = decode(part)
                    if answer[:1] == b"\x82" and answer[2:4] == message[2:4]:
                        return answer[4]
        raise AssertionError("no OPENED")


def decode(block):
    out, at = bytearray(), 0
    while at < len(block):
        code = block[at]
        out += block[at + 1:at + code]
        at += code
        if code < 0xFF and at < len(block):
            out.append(0)
    return bytes(out[:-4])


def test_node_refuses_sizes_at_open_and_erases_nothing(node, keys):
    image = keys.sign_app("", "1.1.0", counter="0")[1]
    start, size = SLOTS["b"]
    cases = {0: IMAGE_SIZE, 1: IMAGE_SIZE, 7: IMAGE_SIZE,
             size - 0x200 + 1: IMAGE_TOO_BIG, size: IMAGE_TOO_BIG, 0x7FFFFFF0: None, 0xFFFFFFFF: None}
    before = sum(node.command("counters")["erases"])
    for payload, expected in cases.items():
        got = verdict(node, opening(image, payload))
        assert got != 0 and (expected is None or got == expected), (payload, got)
        # the same header, but the file's size does not match it
        assert verdict(node, opening(image, payload, total=image.stat().st_size)) != 0, payload
    assert sum(node.command("counters")["erases"]) == before
    assert is_confirmed(node.settled(120), "a", "1.0.0")
