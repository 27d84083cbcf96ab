"""Protection of the bootloader's flash: what `ferry provision` chooses is in the option bytes, in INFO
and in `ferry status`, and the chip holds it against an application that tries to write there."""
import re

import pytest

from lab import BOARD, BUILD, Board, Keys, ferry, wait_for
from node_cases import Node

PROTECTED = 0b11  # S0, S1


@pytest.fixture(name="keys", scope="module")
def make_keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("protection"))


def start(folder, keys, *options):
    image = keys.sign_app("", "1.0.0", counter="0")[0]
    factory = folder / "factory.hex"
    said = ferry("provision", "--board", BOARD, "--pubkey", keys.public, "--image", image, "--dev",
                 "--bootloader", BUILD / BOARD / "bootloader.bin", *options, "-o", factory).stdout
    board = Board(folder, factory, speed=8)
    # Nobody asks before it runs: on a busy machine the questions alone would hold the bootloader.
    wait_for("the application blinks", lambda: len(board.events("led")) >= 4, 120)
    return board, said


@pytest.mark.parametrize("options,expected", [
    ((), {"rdp": 0, "bor": 3, "write_protected": PROTECTED, "bootloader_protected": True}),
    (("--rdp", "1"), {"rdp": 1, "bor": 3, "write_protected": PROTECTED, "bootloader_protected": True}),
    (("--no-option-bytes",), {"rdp": 0, "bor": 0, "write_protected": 0, "bootloader_protected": False}),
])
def test_what_provision_chose_is_in_info(tmp_path, keys, options, expected):
    board, said = start(tmp_path, keys, *options)
    try:
        info = board.settled(120)
        assert info["protection"] == expected
        assert ("option bytes" in said) == ("--no-option-bytes" not in options)
        if "--no-option-bytes" not in options:
            assert re.search(rf"write-protected .*BOR level 3, RDP level {expected['rdp']}", said)
        warnings = " / ".join(info["warnings"])
        assert ("not write-protected" in warnings) == (not expected["bootloader_protected"])
        assert ("brown-out" in warnings) == (expected["bor"] < 3)
        assert ("RDP 0" in warnings) == (expected["rdp"] == 0)
        text = ferry("status", "--port", board.port).stdout
        assert f"RDP {expected['rdp']}, BOR {expected['bor']}, write-protected" in text
        assert text.count("Warning ") == len(info["warnings"])
    finally:
        board.stop()


def test_rdp_2_is_never_written(tmp_path, keys):
    done = ferry("provision", "--board", BOARD, "--pubkey", keys.public, "--rdp", "2", "-o",
                 tmp_path / "x.hex", check=False)
    assert done.returncode == 2 and "never be undone" in done.stderr
    assert not (tmp_path / "x.hex").exists()


def test_an_application_cannot_write_to_the_bootloader(tmp_path):
    """demo_app_intruder erases and programs sector 0; it runs only if both ended in WRPERR. The way of
    an update goes on working."""
    node = Node(tmp_path, BOARD)
    said = node.case("intruder", other=node.sign("_intruder", "b", "2.0.0", 1))
    assert "2 stores and erases refused" in said


def test_without_protection_the_intruder_gets_through(tmp_path):
    """The counterpart: the test above can fail."""
    node = Node(tmp_path, BOARD, provision=("--no-option-bytes",))
    with pytest.raises(AssertionError, match="the bootloader is written to at 0x08000000"):
        node.case("intruder", other=node.sign("_intruder", "b", "2.0.0", 1))
