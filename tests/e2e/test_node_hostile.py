"""Hostile bytes at a node with the real binaries, in virtual time (tests/fuzz/board_fuzz.c and
board_hold.c). `make fuzz` runs it with more frames, on every transport:

    FERRY_NODE_FUZZ=N   frames at the bootloader, and as many at the application
    FERRY_NODE_SEED=S   where the random numbers start
"""
import os

import pytest

from lab import JOURNAL, Board, Keys, ferry, is_confirmed, wait_for
from node_cases import BOARDS, Node

COUNT = int(os.environ.get("FERRY_NODE_FUZZ") or 0)
SEED = os.environ.get("FERRY_NODE_SEED", "1")
WIRES = ("uart", "spi", "i2c")
ALL = [(board, wire) for board in BOARDS for wire in WIRES]
SOME = [("stm32f407_discovery", "uart"), ("stm32f411_blackpill", "spi"), ("stm32f411_single", "i2c")]
FLOODS = ("noise", "query", "poll", "refused", "half", "half-noise", "half-query", "half-repeated")


@pytest.mark.parametrize("board,wire", ALL if COUNT else SOME)
def test_fuzz_of_the_link_then_a_good_update(tmp_path, board, wire):
    print(Node(tmp_path, board).case("fuzz", "--wire", wire, "--count", COUNT or 32, "--seed", SEED))


@pytest.mark.parametrize("board,wire", ALL if COUNT else [("stm32f411_blackpill", w) for w in WIRES])
def test_noise_does_not_hold_the_bootloader(tmp_path, board, wire):
    print(Node(tmp_path, board).case("hold", "--attack", "noise", "--wire", wire))


@pytest.mark.parametrize("board,wire,attack", [(b, w, a) for b, w in ALL for a in FLOODS
                                               if b != "stm32f411_single" or not a.startswith("half")]
                         if COUNT else [("stm32f411_blackpill", "uart", "query"),
                                        ("stm32f411_blackpill", "uart", "half"),
                                        ("stm32f411_blackpill", "uart", "refused"),
                                        ("stm32f411_blackpill", "i2c", "refused"),
                                        ("stm32f407_discovery", "spi", "half-noise")])
def test_no_flood_holds_the_bootloader_over_10_s(tmp_path, board, wire, attack):
    print(Node(tmp_path, board).case("hold", "--attack", attack, "--wire", wire))


def test_status_tells_that_the_journal_is_lost(tmp_path):
    keys = Keys(tmp_path)
    board = Board(tmp_path, keys.provision(keys.sign_app("", "1.0.0")[0]), speed=4)
    try:
        board.settled(60)
        board.command("power_off")
        for address, size in JOURNAL:
            board.command("flash_load", address=address, hex="00" * 4096)
            board.command("flash_load", address=address + 4096, hex="5a" * (size - 4096))
        board.command("power_on")
        info = board.info()
        assert any("no journal record" in warning for warning in info["warnings"]), info
        assert "no journal record" in ferry("status", "--port", board.port).stdout
        wait_for("what verifies runs, and confirms itself again",
                 lambda: is_confirmed(board.settled(60), "a", "1.0.0"), 60)
    finally:
        board.stop()
