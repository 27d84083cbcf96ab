"""The bootloader's stack overflow: the MPU region below its stack catches it, the node starts again with
a mark, and goes on with its application. tests/e2e/device/overflow.c uses the stack up at a CONFIRM."""
import subprocess

import pytest

from lab import BIN, BUILD, Board, Keys, ferry, wait_for
from node_cases import BOARDS

MEM_MANAGE, DACCVIOL, MMARVALID = 4, 1 << 1, 1 << 7  # ARMv7-M, B1.5.2 and B3.2.15


def overflow(board):
    """Has the node in its bootloader, then its stack used up. The command never gets an answer."""
    board.ferry("reset", "--port", board.port, "--update")
    before = board.event_count()
    with subprocess.Popen([str(BIN / "ferry"), "confirm", "--port", str(board.port)],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as asking:
        try:
            wait_for("a fault", lambda: board.events("fault", before), 60, 0.01)
        finally:
            asking.kill()  # asked again it would do it again
    return before


@pytest.mark.parametrize("name", BOARDS)
def test_overflow_of_the_bootloaders_stack_is_caught(tmp_path, name):
    keys = Keys(tmp_path, name)
    factory = tmp_path / "factory.hex"
    ferry("provision", "--board", name, "--pubkey", keys.public, "--image", keys.sign_app("", "1.0.0")[0],
          "--dev", "--bootloader", BUILD / name / "bootloader_overflow.bin", "-o", factory)
    board = Board(tmp_path, factory, board=name)
    try:
        assert board.settled(60)["running"] == "a"
        before = overflow(board)
        info = board.settled(60)
        fault = board.events("fault", before)[0]
        # The guard, not an address without memory or a variable overwritten below it.
        assert fault["exception"] == MEM_MANAGE
        assert int(fault["cfsr"], 16) == DACCVIOL | MMARVALID
        resets = [e["cause"] for e in board.events("reset", before)]
        assert resets and set(resets) == {"software"}
        assert not board.events("lockup")
        assert info["running"] == "a" and info["confirmed"] == "a"
        assert info["reset_cause"] == "software, fault"
        newest = ferry("log", "--port", board.port).stdout.splitlines()[1].split()
        assert newest[1:4] == ["fault", "A", "1.0.0"]
        board.command("reset")
        assert board.settled(60)["reset_cause"] == "pin"
        newest = ferry("log", "--port", board.port).stdout.splitlines()[1].split()
        assert newest[1:4] == ["pin", "A", "1.0.0"]
    finally:
        board.stop()
