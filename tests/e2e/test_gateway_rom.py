"""The gateway's sink `rom`: a node without a line of Ferry's code, over UART and I2C.

The real gateway, real sources, and the board's own flash, counters and core as the verdict.
"""
import signal
import struct
import subprocess
import time

import pytest

from lab import BIN, wait_for
from rom_rig import CHIPS, FLASH, Key, RomNode, image, program

F411, L432 = "stm32f411_blackpill", "nucleo_l432kc"
OLD, NEW = program(20001), program(20001, salt=1)


@pytest.fixture
def make(tmp_path):
    """make(...) -> a RomNode; stopped at the end."""
    made = []

    def build(*arguments, **keys):
        folder = tmp_path / f"node{len(made)}"
        folder.mkdir()
        made.append(RomNode(folder, *arguments, **keys))
        return made[-1]

    yield build
    for node in made:
        node.stop()


@pytest.fixture
def node(make):
    """An F411 that runs OLD, put there by a programmer; nothing was counted yet."""
    node = make(F411, first=OLD)
    wait_for("the old application runs", node.runs, 10)
    node.board.command("counters_reset")
    return node


def assert_untouched(node, done, *words):
    """Nothing erased, nothing written, and the old application runs."""
    assert done.returncode == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert node.counters() == (0, 0)
    node.assert_runs(OLD)


def resets(node):
    return node.board.command("counters")["resets"]


# --- updates ------------------------------------------------------------------------------------

@pytest.mark.parametrize("bus", ["uart", "i2c"])
@pytest.mark.parametrize("name", CHIPS)
def test_update_and_a_second_run_that_only_reads(make, name, bus):
    """From a blank chip on: the L432 was blank at power-on, so NRST alone would start its ROM."""
    node = make(name, bus)
    done = node.update(image(node.key, OLD, (1, 0, 0)))
    assert done.returncode == 0, done.stderr
    node.assert_runs(OLD)
    before = node.counters()
    done = node.update(image(node.key, OLD, (1, 0, 0)))
    assert done.returncode == 0, done.stderr
    assert node.counters() == before
    node.assert_runs(OLD)
    done = node.update(image(node.key, NEW, (1, 1, 0)))
    assert done.returncode == 0, done.stderr
    node.assert_runs(NEW)


def test_only_pages_that_differ_are_erased(make):
    node = make(L432, first=OLD)
    node.board.command("counters_reset")
    changed = bytearray(OLD)
    changed[5 * 0x800 + 1000] ^= 0xFF  # what was compared before it is read a second time
    assert node.update(image(node.key, bytes(changed))).returncode == 0
    erases = node.board.command("counters")["erases"]
    # Vectors, and the one that differs; once: a wrong second hash would have made a second round.
    assert {i: count for i, count in enumerate(erases) if count} == {0: 1, 5: 1}
    node.assert_runs(bytes(changed))


def test_small_chunks_and_gaps(make):
    node = make(L432)
    payload = program(600)
    assert node.update(image(node.key, payload), chunk=16, rom_baud=57600, gap_ms=1).returncode == 0
    node.assert_runs(payload)


def test_two_keys(node, tmp_path):
    other = Key(tmp_path, "other")
    done = node.update(image(other, NEW), pubkey=f"{node.key.public} {other.public}")
    assert done.returncode == 0, done.stderr
    node.assert_runs(NEW)


# --- what is refused ----------------------------------------------------------------------------

def flipped(node, at):
    content = bytearray(image(node.key, NEW))
    content[at] ^= 1
    return bytes(content)


def forged_header(node):
    """Claims of another image in front of a genuine one: the signature is over the hash alone."""
    content = bytearray(image(node.key, NEW, (1, 0, 0), counter=5))
    content[20] = 9  # version
    return bytes(content)


@pytest.mark.parametrize("make_image, words", [
    (lambda n: image(Key(n.folder, "other"), NEW), "IMAGE_KEY"),
    (lambda n: flipped(n, -10), "IMAGE_SIGNATURE"),
    (lambda n: flipped(n, 0x200 + 15000), "IMAGE_HASH"),
    (lambda n: flipped(n, 0x200 + len(NEW) - 1), "IMAGE_HASH"),
    (lambda n: flipped(n, 0x100), "IMAGE_HASH"),
    (forged_header, "IMAGE_HASH"),
    (lambda n: image(n.key, NEW, board="rom_nod"), "IMAGE_BOARD"),
    (lambda n: image(n.key, NEW, address=FLASH + 0x4000), "IMAGE_SLOT"),
    (lambda n: image(n.key, b"\x00\x00\x00\x30" + NEW[4:]), "IMAGE_VECTORS"),
    (lambda n: image(n.key, NEW[:4] + b"\x01\x00\x01\x08" + NEW[8:]), "IMAGE_VECTORS"),
    (lambda n: image(n.key, NEW)[:-1], "the file ends"),
    (lambda n: NEW, "; sign it with `ferry sign` (IMAGE_MAGIC)"),
    (lambda n: b"", "the file ends"),
], ids=["key", "signature", "content", "last-byte", "padding", "header", "board", "address", "stack", "entry",
        "cut", "raw", "empty"])
def test_refused_before_the_chip_hears_of_it(node, make_image, words):
    before = resets(node)
    assert_untouched(node, node.update(make_image(node)), words)
    assert resets(node) == before


def test_lower_counter_is_refused(node):
    assert node.update(image(node.key, NEW, (2, 0, 0), counter=7)).returncode == 0
    node.board.command("counters_reset")
    done = node.update(image(node.key, OLD, (1, 0, 0), counter=6))
    assert done.returncode == 1 and "IMAGE_COUNTER" in done.stderr
    assert node.counters() == (0, 0)
    node.assert_runs(NEW)
    assert node.update(image(node.key, OLD, (3, 0, 0), counter=7)).returncode == 0
    node.assert_runs(OLD)


@pytest.mark.parametrize("damage", [b"", b"counter 0\n", b"counter 3\n\0", b"x" * 4000])
def test_damaged_memory_of_the_counter_is_no_zero(node, damage):
    (node.state / "n.rom").write_bytes(damage)
    assert_untouched(node, node.update(image(node.key, NEW), retries=0), "damaged")


def test_missing_file_and_other_things(node):
    for path in (node.folder / "none", node.folder):
        assert_untouched(node, node.gateway(source="file", path=path), str(path))


# --- the chip says no ---------------------------------------------------------------------------

def test_readout_protected_chip(node):
    bits = int(node.board.command("option_bytes")["option_bytes"], 16)
    node.board.command("option_bytes", value=bits & ~0xFF00)  # level 1
    node.board.command("reset")
    assert_untouched(node, node.update(image(node.key, NEW)), "readout protection is active",
                     "`ferry rom unprotect --readout`")


def test_silently_protected_vectors_leave_the_old_application(node):
    bits = int(node.board.command("option_bytes")["option_bytes"], 16)
    node.board.command("option_bytes", value=bits & ~(1 << 16))
    node.board.command("reset")
    assert_untouched(node, node.update(image(node.key, NEW), retries=1), "ROM_ERASE")


def test_image_larger_than_the_chip(make):
    node = make(L432, first=OLD)
    node.board.command("counters_reset")
    assert_untouched(node, node.update(image(node.key, program(300000))), "ROM_RANGE")


def test_no_rom_answers(node):
    """BOOT0 is not where the configuration says: the application is there, and silent."""
    done = node.update(image(node.key, NEW), boot0="gpiochip0:17", retries=0)
    assert_untouched(node, done, "ROM_NO_ANSWER")


def test_unplugged_adapter(node):
    node.board.command("unplug")
    assert_untouched(node, node.update(image(node.key, NEW), retries=1), "ROM_NO_ANSWER")
    node.board.command("plug")
    assert node.update(image(node.key, NEW)).returncode == 0
    node.assert_runs(NEW)


@pytest.mark.parametrize("name, bus, quirk, keys", [
    (F411, "uart", "stray-zero", {}), (L432, "uart", "no-erase-ack", {}), (F411, "i2c", "no-erase-ack", {}),
    (L432, "i2c", "late-parameters", {}), (L432, "i2c", "i2c-max-64", {"chunk": 48}),
    (F411, "uart", "erase-43", {}), (L432, "i2c", "i2c-v1.0", {}), (F411, "i2c", "erase-7s", {}),
    (L432, "uart", "lost-sync", {})])
def test_habits_of_the_rom(make, name, bus, quirk, keys):
    node = make(name, bus, options=["--rom-quirk", quirk])
    payload = program(3000)  # two pages: each costs its time-out where the last answer is missing
    done = node.update(image(node.key, payload), **keys)
    assert done.returncode == 0, done.stderr
    node.assert_runs(payload)


def test_master_that_cannot_send_a_chunk_erases_nothing(make):
    node = make(L432, "i2c", first=OLD, options=["--rom-quirk", "i2c-max-64"])
    node.board.command("counters_reset")
    assert_untouched(node, node.update(image(node.key, NEW), retries=1), "smaller chunk")


# --- interrupted --------------------------------------------------------------------------------

def start(node, **keys):
    return subprocess.Popen(node.command(**keys), stderr=subprocess.PIPE, text=True, env=node.board.env)


def starts_whole(node, *wholes):
    """Does flash hold one of these, or nothing that starts? Vectors are written last."""
    stack, entry = struct.unpack("<II", node.flash(8))
    starts = 0x20000000 < stack <= 0x20020000 and entry & 1 and FLASH <= entry < FLASH + 0x80000
    return not starts or node.flash(len(wholes[0])) in wholes


# A ROM that lost power in a command is searched for 35 s on a UART, before NRST: few of these.
@pytest.mark.parametrize("name, bus, part", [
    (F411, "uart", 0.0), (F411, "uart", 0.6),
    *((L432, "i2c", part) for part in (0.0, 0.001, 0.3, 0.7, 0.99, 0.9999))])
def test_power_cut_and_recovery(make, name, bus, part):
    node = make(name, bus, first=OLD)
    unit, pages = (1, 2) if name == F411 else (8, 10)
    ops = int(part * (len(NEW) // unit + pages))
    node.board.command("power_cut", after_flash_ops=ops, mode="torn", seed=ops + 1)
    gateway = start(node, **node.offer(image(node.key, NEW)), retries=8)
    wait_for("the cut", lambda: node.board.events("power_cut"), 60)
    assert starts_whole(node, OLD, NEW)
    node.board.command("power_on")
    _, log = gateway.communicate(timeout=120)
    assert gateway.returncode == 0, log
    node.assert_runs(NEW)


def test_power_stays_off_is_reported(node):
    node.board.command("power_cut", after_flash_ops=3000, mode="lost")
    done = node.update(image(node.key, NEW), retries=1)
    assert done.returncode == 1, done.stderr
    assert starts_whole(node, NEW)
    node.board.command("power_on")
    assert node.update(image(node.key, NEW)).returncode == 0
    node.assert_runs(NEW)


@pytest.mark.parametrize("fault", ["drop", "repeat", "flip", "delay"])
@pytest.mark.parametrize("after, from_rom", [(1, True), (30, False), (300, True), (9000, False), (9000, True)])
def test_disturbed_wire(node, fault, after, from_rom):
    node.board.command("rom_disturb", fault=fault, mask=0x10, ms=3000, after=after, from_rom=from_rom)
    done = node.update(image(node.key, NEW))
    assert done.returncode == 0, done.stderr
    assert node.board.command("rom")["disturbed"]
    node.assert_runs(NEW)


def wait_for_words(node, words):
    wait_for("a part is written", lambda: node.counters()[1] >= words, 60, 0.01)


def test_sigterm_lets_the_node_go(node):
    gateway = start(node, **node.offer(image(node.key, NEW)))
    wait_for_words(node, 2000)
    gateway.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    gateway.communicate(timeout=20)
    assert time.monotonic() - begin < 5
    assert not node.in_rom() and starts_whole(node, NEW)
    assert node.update(image(node.key, NEW)).returncode == 0
    node.assert_runs(NEW)


def test_file_changed_while_it_is_read(node):
    """In place, in the second pass: what is written by then does not start; then the new one does."""
    first, second = image(node.key, NEW, (2, 0, 0)), image(node.key, program(20001, salt=2), (2, 0, 1))
    keys = node.offer(first)
    gateway = start(node, **keys)
    wait_for_words(node, 2000)
    with open(keys["path"], "r+b") as file:
        file.write(second)
    _, log = gateway.communicate(timeout=60)
    assert gateway.returncode == 0, log
    assert "changed meanwhile" in log
    node.assert_runs(program(20001, salt=2))


def test_gateway_that_goes_on_polling_leaves_the_node_alone(node):
    config = node.config(**node.offer(image(node.key, NEW, (2, 0, 0))), poll_s=1)
    log = node.folder / "gateway.log"
    with open(log, "w") as out:
        gateway = subprocess.Popen([BIN / "ferry-gateway", "--log-level", "debug", "--config", str(config)],
                                   stderr=out, env=node.board.env)
    try:
        wait_for("it is there", lambda: "was started" in log.read_text(), 60)
        before = resets(node)
        wait_for("two polls", lambda: log.read_text().count("2.0.0 runs already") >= 2, 20)
        assert resets(node) == before
        node.offer(image(node.key, OLD, (2, 0, 1)))
        wait_for("the next one is there", lambda: "2.0.1 was started" in log.read_text(), 60)
    finally:
        gateway.send_signal(signal.SIGTERM)
        gateway.wait(10)
    node.assert_runs(OLD)


def test_power_is_cut_between_the_first_start_and_the_next(make):
    """The empty check of the L432 is over for good: every later start is an ordinary one."""
    node = make(L432)
    assert node.update(image(node.key, OLD)).returncode == 0
    for how in ("reset", "power_cycle"):
        node.board.command(how)
        node.assert_runs(OLD)
