"""SPI, I2C and NRST, end to end: the shipped programs over spidev, i2c-dev and GPIO chips, which the
preload shim (tests/shim) connects to the virtual board. Nothing here knows the transports' bytes."""
import json
import subprocess
import time

import pytest

from lab import (BIN, GPIOD2, I2C, NRST, BOOT0, SPI, Board, Gateway, Keys, Server, durable, is_confirmed,
                 slot_hash, wait_for)

# The programs with the machine's own libgpiod (1 in Debian 12), and the same with libgpiod 2.
both_gpiods = pytest.mark.parametrize("programs", [BIN, GPIOD2], ids=["gpiod", "gpiod2"])


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """One board for all: each test leaves it running an application that answers."""
    folder = tmp_path_factory.mktemp("bus")
    keys = Keys(folder)
    board = Board(folder, keys.provision(keys.sign_app("", "1.0.0")[0]))
    try:
        board.settled(60)
        yield board, keys
    finally:
        board.stop()


def free_slot(board):
    return {"a": "b", "b": "a"}[board.settled(60)["running"]]


def start_send(board, port, images, options=()):
    return subprocess.Popen([str(c) for c in (BIN / "ferry", "send", "--port", port, *options, *images)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=board.env)


def test_the_clock_sets_the_pace(node):
    """However often it is asked for something. 0.2 s of lag may be caught up (MAX_LAG_NS)."""
    board, _ = node
    start = time.monotonic()
    first = last = board.command("status")["time_ns"]
    while time.monotonic() < start + 1:
        last = board.command("status")["time_ns"]
    assert 0.3 < (last - first) / 1e9 < time.monotonic() - start + 0.25


def test_resume_catches_nothing_up(node):
    board, _ = node
    for _ in range(10):
        first = board.command("pause")["time_ns"]
        time.sleep(0.09)
        start = time.monotonic()
        board.command("resume")
        made = (board.command("status")["time_ns"] - first) / 1e9
        assert made < time.monotonic() - start + 0.03


def test_resume_does_not_wait_for_what_was_run(node):
    """All in one breath: a run is ahead of the clock."""
    board, _ = node
    with board.lock:
        words = ({"cmd": "pause"}, {"cmd": "run", "ms": 5000}, {"cmd": "resume"})
        board.control.sendall("".join(json.dumps(word) + "\n" for word in words).encode())
        first = [json.loads(board.reader.readline()) for _ in words][1]["time_ns"]
    wait_for("time goes on", lambda: board.command("status")["time_ns"] - first > 0.2e9, 3)


@pytest.mark.parametrize("port", [SPI, I2C])
def test_status(node, port):
    board, _ = node
    done = board.ferry("status", "--port", port)
    assert "stm32f411_blackpill" in done.stdout


@pytest.mark.parametrize("version, port, options", [
    ("1.1.0", SPI, ()), ("1.2.0", I2C, ("--bootloader",)),
    ("1.3.0", I2C, ()), ("1.4.0", SPI, ("--bootloader",))])
def test_update(node, version, port, options):
    board, keys = node
    slot = free_slot(board)
    images = keys.sign_app("", version)
    before = board.erases(4, 7)
    board.ferry("send", "--port", port, *options, *images)
    assert is_confirmed(board.settled(60), slot, version)
    assert slot_hash(board, slot, images["ab".index(slot)])
    assert board.erases(4, 7) - before == 1  # the image is smaller than a sector


@pytest.mark.parametrize("bits", [1, 4, 7])
def test_spikes_on_sck_do_not_deafen_the_node(node, bits):
    board, _ = node
    board.settled(60)
    seen = board.event_count()
    board.command("spi_glitch", bits=bits)
    board.ferry("status", "--port", SPI)
    assert not board.events("reset", seen)


@pytest.mark.parametrize("version, options", [("1.5.0", ()), ("1.6.0", ("--bootloader",))])
def test_spikes_on_sck_during_an_update(node, version, options):
    board, keys = node
    slot = free_slot(board)
    images = keys.sign_app("_large", version)
    start, seen = board.written(slot), board.event_count()
    sender = start_send(board, SPI, images, options)
    for kilobytes in (8, 20):
        wait_for("a part is in flash", lambda: board.written(slot) - start > kilobytes * 1024, 60, 0.01)
        board.command("spi_glitch", bits=3)
    out, _ = sender.communicate(timeout=90)
    assert sender.returncode == 0, out
    assert is_confirmed(board.settled(60), slot, version)
    assert not pin_resets(board, seen)


@pytest.mark.parametrize("version, port, options", [
    ("2.1.0", SPI, ("--bootloader",)), ("2.2.0", I2C, ())])
def test_power_cut_resumes(node, version, port, options):
    board, keys = node
    slot = free_slot(board)
    images = keys.sign_app("_large", version)
    size = images["ab".index(slot)].stat().st_size
    start = board.written(slot)
    sender = start_send(board, port, images, ("--no-reset", *options))
    wait_for("half of it is in flash", lambda: board.written(slot) - start > size // 2, 60, 0.02)
    board.command("power_cut")
    kept, at_cut = durable(board), board.written(slot)
    time.sleep(0.3)
    board.command("power_on")
    out, _ = sender.communicate(timeout=90)
    assert sender.returncode == 0, out
    assert kept > size // 2 - 8192
    assert board.written(slot) - at_cut < size - kept + 4  # whole words
    board.ferry("reset", "--port", port)
    wait_for("it runs, confirmed", lambda: is_confirmed(board.settled(60), slot, version), 60, 1)


def hang(board):
    """The node starts nothing and hears nothing: its core sleeps in ST's ROM until a reset by pin."""
    board.command("pin", pin="BOOT0", level=1)
    board.command("reset")
    board.command("pin", pin="BOOT0", level=0)


def pin_resets(board, after):
    return [e for e in board.events("reset", after) if e["cause"] == "pin"]


@pytest.mark.parametrize("programs, version", [(BIN, "3.0.0"), (GPIOD2, "3.1.0")], ids=["gpiod", "gpiod2"])
def test_hung_node_is_reset_by_nrst(node, programs, version):
    board, keys = node
    slot = free_slot(board)
    images = keys.sign_app("", version)
    hang(board)
    seen = board.event_count()
    board.ferry("send", "--port", SPI, "--nrst", NRST, "--boot0", BOOT0, *images, programs=programs)
    assert is_confirmed(board.settled(60), slot, version)
    assert 1 <= len(pin_resets(board, seen)) <= 3


def action_of(server):
    return (server.target("node-1") or {}).get("action") or {}


@pytest.mark.parametrize("programs, version", [(BIN, "3.2.0"), (GPIOD2, "3.3.0")], ids=["gpiod", "gpiod2"])
def test_gateway_pulls_nrst_of_a_hung_node(node, tmp_path, programs, version):
    board, keys = node
    slot = free_slot(board)
    server = Server(tmp_path, keys.public)
    try:
        server.publish(keys.sign_app("", version))
        hang(board)
        seen = board.event_count()
        gateway = Gateway(tmp_path, server, SPI, keys=[("nrst", NRST), ("boot0", BOOT0)], env=board.env,
                          programs=programs)
        try:
            wait_for("a reset by NRST", lambda: pin_resets(board, seen), 60)
            wait_for("success", lambda: action_of(server).get("state") == "success", 60, 0.5)
        finally:
            gateway.stop()
    finally:
        server.stop()
    assert is_confirmed(board.settled(60), slot, version)
    assert len(pin_resets(board, seen)) <= 3


@both_gpiods
def test_reset_by_pin(node, programs):
    board, _ = node
    board.settled(60)
    seen = board.event_count()
    board.ferry("reset", "--nrst", NRST, programs=programs)
    wait_for("a reset by pin", lambda: len(pin_resets(board, seen)) == 1, 5)
    board.ferry("reset", "--nrst", NRST, "--boot0", BOOT0, "--rom", programs=programs)
    wait_for("ST's ROM sleeps", lambda: board.command("status")["sleeping"], 5)
    assert board.ferry("status", "--port", SPI, check=False).returncode == 1
    board.ferry("reset", "--nrst", NRST, "--boot0", BOOT0, programs=programs)
    board.settled(60)


@both_gpiods
def test_wrong_lines_are_refused(node, programs):
    board, _ = node
    for lines, words in ((("--nrst", "gpiochip0"), "gpiochip0: a line is named CHIP:NUMBER"),
                         (("--nrst", "gpiochip0:999"), "gpiochip0:999: no such line on this chip"),
                         (("--nrst", "nochip0:1"), "nochip0:1: no such GPIO chip"),
                         (("--nrst", "/dev/null:1"), "/dev/null:1: this is no GPIO chip"),
                         (("--nrst", NRST, "--boot0", NRST), "the line cannot be had: Device or resource busy")):
        done = board.ferry("reset", *lines, check=False, programs=programs)
        assert done.returncode == 1 and words in done.stderr, (lines, done.stderr)


@pytest.mark.parametrize("port, words", [(SPI, "MISO stays low"), (I2C, "nobody acknowledges")])
def test_nothing_on_the_bus(node, port, words):
    board, keys = node
    board.command("power_off")
    try:
        done = board.ferry("send", "--port", port, *keys.sign_app("", "9.9.9"), check=False, timeout=20)
    finally:
        board.command("power_on")
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.parametrize("port, words", [
    ("spidev:/dev/spidev0.0@fast", "clock in Hz"), ("i2c:/dev/i2c-1:0x99", "0x08 to 0x77"),
    ("spidev:", "device file is missing")])
def test_malformed_port(port, words, node):
    board, _ = node
    done = board.ferry("status", "--port", port, check=False)
    assert done.returncode == 2 and words in done.stderr
