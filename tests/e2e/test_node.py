"""What a node keeps across a reset: a fault of the bootloader, the wish for update mode, the loss of the
journal; seen by INFO and the boot log, on the virtual board."""
import os
import struct
import termios
import time

import pytest

from lab import JOURNAL, SLOTS, Board, Keys, ferry, wait_for

RAM_TOP = 0x20020000
LOST = "no journal record was found at the last start"
POISON = 0xFFFFFFF0  # neither code nor a return from an exception


@pytest.fixture
def node(tmp_path):
    """A provisioned board that runs 1.0.0 from slot a."""
    keys = Keys(tmp_path)
    board = Board(tmp_path, keys.provision(keys.sign_app("", "1.0.0")[0]), speed=4)
    try:
        board.settled(60)
        yield board
    finally:
        board.stop()


def newest_start(board):
    """(reset cause, version) of the first line of `ferry log`."""
    line = ferry("log", "--port", board.port).stdout.splitlines()[1].split()
    return line[1], line[3]


def stop_in_bootloader(board):
    """Resets the node and stops it in the listen window, after its announcement."""
    board.command("pause")
    said = board.command("counters")["uart_from_node"]
    board.command("reset")
    while board.command("counters")["uart_from_node"] == said:
        board.command("run", ms=1)


def test_bootloader_fault_is_logged(node):
    """Every word of the bootloader's stack is overwritten: the next return goes nowhere."""
    assert newest_start(node)[0] != "fault"
    stop_in_bootloader(node)
    before = node.event_count()
    sp = int(node.command("status")["sp"], 16)
    assert RAM_TOP - 4096 < sp < RAM_TOP
    words = (RAM_TOP - sp) // 4
    node.command("ram_load", address=sp, hex=struct.pack("<I", POISON).hex() * words)
    node.command("resume")
    info = node.settled(60)
    assert node.events("fault", before), "no fault happened"
    assert [e["cause"] for e in node.events("reset", before)] == ["software"]
    assert info["running"] == "a"
    assert newest_start(node) == ("fault", "1.0.0")
    ferry("reset", "--port", node.port)  # the mark counts once
    node.settled(60)
    assert newest_start(node)[0] == "software"


def test_a_start_that_ends_in_listening_is_logged(node):
    """The only image is damaged: one entry, however many starts are alike."""
    for _ in range(3):
        node.command("power_off")
        node.command("flash_load", address=SLOTS["a"][0] + 0x400, hex="00" * 64)
        node.command("power_on")
        wait_for("the bootloader answers", lambda: is_waiting(node), 30)
    lines = ferry("log", "--port", node.port).stdout.splitlines()[1:]
    assert "nothing bootable, listening" in lines[0] and lines[0].split()[1:4] == ["power", "none", "-"]
    assert "IMAGE_HASH" in lines[0]
    assert len([line for line in lines if "listening" in line]) == 1


def test_update_mode_is_left_across_the_reset(node):
    ferry("reset", "--update", "--port", node.port)
    info = wait_for("the bootloader answers", lambda: is_waiting(node), 10)
    assert "update mode" in info["reset_cause"]
    started = node.events("reset")[-1]["t_ns"]
    node.command("pause")
    while node.command("status")["time_ns"] < started + 9_300_000_000:  # nobody speaks to it
        node.command("run", ms=100)
    assert is_in_bootloader(node)
    node.command("run", ms=1500)
    assert not is_in_bootloader(node)  # at most 10 s
    node.command("resume")
    assert node.settled(60)["running"] == "a"
    assert newest_start(node)[0] == "update"


def is_waiting(board):
    info = board.info()
    return info if info["running"] == "bootloader" else None


def is_in_bootloader(board):
    for _ in range(100):
        pc = int(board.command("status")["pc"], 16)
        if pc < 0x20000000:  # else a function that runs from RAM: both have some
            return pc < 0x08008000
        board.command("run", ms=1)
    raise AssertionError("the core stays in RAM")


def test_application_knows_that_the_journal_was_lost(node):
    assert LOST not in node.info()["warnings"]
    node.command("power_off")
    for address, size in JOURNAL:
        for at in range(address, address + size, 0x2000):
            node.command("flash_load", address=at, hex="00" * 0x2000)
    node.command("power_on")
    info = node.settled(60)
    assert info["running"] == "a" and LOST in info["warnings"]
    ferry("reset", "--port", node.port)
    assert LOST not in node.settled(60)["warnings"]


@pytest.mark.parametrize("baud", ["9600", "900000", "1000000"])
def test_the_line_follows_the_baud_rate_of_the_client(node, baud):
    """The pty garbles as a wire does; 900,000 is within the 3 % that a UART tolerates."""
    before = node.command("counters")["uart_framing"]
    done = ferry("status", "--port", node.port, "--baud", baud, check=False)
    garbled = node.command("counters")["uart_framing"] - before
    if baud == "900000":
        assert done.returncode == 0 and garbled == 0
    else:
        assert done.returncode == 1 and "stm32f411" not in done.stdout and garbled > 0
    assert ferry("status", "--port", node.port).returncode == 0


def test_a_byte_has_the_rate_that_its_sender_set_before_it(node):
    """However little time passes between the two; so many tries, as the board looks seldom."""
    def send(rate, byte):
        flags = termios.tcgetattr(port)
        flags[4] = flags[5] = rate
        termios.tcsetattr(port, termios.TCSANOW, flags)
        os.write(port, byte)
    before = node.command("counters")
    port = os.open(node.port, os.O_RDWR | os.O_NOCTTY)
    try:
        for i in range(3000):
            send(termios.B115200, b"")
            time.sleep(i % 16 * 1e-5)
            send(termios.B921600, b"U")
            wait_for("the byte arrives", lambda sent=i + 1: node.uart_bytes_in() == before["uart_to_node"] + sent, 10, 0)
    finally:
        os.close(port)
    assert node.command("counters")["uart_framing"] == before["uart_framing"]
