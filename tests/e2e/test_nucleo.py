"""The board without Ferry's bootloader: its demo application, started in every way that there is."""
import json
import os
import shutil

import pytest

from lab import BUILD, TOP, Board, ferry, run, wait_for
from rom_rig import RomNode
from test_leds import assert_blinks, leds
from test_stm32flash import FLASH, RomBoard

NAME = "nucleo_l432kc"
APP, APP_V2 = BUILD / NAME / "demo_app.bin", BUILD / NAME / "demo_app_v2.bin"


@pytest.fixture
def node(tmp_path):
    board = Board(tmp_path, f"{APP}@{FLASH:#x}", board=NAME, speed=4)
    try:
        yield board
    finally:
        board.stop()


def status(board):
    return json.loads(ferry("status", "--port", board.port, "--json").stdout)


def says(board, version):
    """What the application answers over the link, where the ROM's UART is."""
    info = status(board)
    assert info["board"] == NAME and info["bootloader"] is None and info["warnings"] == []
    assert (info["running"], info["confirmed"], info["update"]["phase"]) == ("A", "A", "none")
    assert [(s["start"], s["size"]) for s in info["slots"]] == [(FLASH, 256 * 1024)]
    assert info["slots"][0]["version"] == version
    return info


def test_says_its_version(node):
    info = says(node, "1.0.0")
    assert info["reset_cause"] == "power"
    text = ferry("status", "--port", node.port).stdout
    assert "1.0.0" in text and "none of Ferry's" in text
    assert not node.events("fault") and not node.events("misuse")


def test_blinks_by_its_version(tmp_path):
    for app, half_period_ms in ((APP, 500), (APP_V2, 250)):
        folder = tmp_path / app.stem
        folder.mkdir()
        board = Board(folder, f"{app}@{FLASH:#x}", board=NAME, speed=16, options=("--paused",))
        try:
            board.command("run", ms=5000)
            assert_blinks(leds(board)[1:], "green", half_period_ms)
        finally:
            board.stop()


def test_resets_when_asked(node):
    ferry("reset", "--port", node.port)
    assert wait_for("it runs again", lambda: says(node, "1.0.0")["reset_cause"] == "software", 10)
    node.command("reset")
    assert wait_for("it runs again", lambda: says(node, "1.0.0")["reset_cause"] == "pin", 10)


def test_takes_no_update_over_the_link(node, tmp_path):
    key, image = tmp_path / "key.pem", tmp_path / "v2.img"
    ferry("keygen", "-o", key)
    ferry("sign", "--key", key, "--board", NAME, "--slot", "a", "--version", "2.0.0", APP_V2, "-o", image)
    done = ferry("send", "--port", node.port, image, check=False)
    assert done.returncode == 1 and "`ferry rom write`" in done.stderr
    assert sum(node.command("counters")["erases"]) == 0
    says(node, "1.0.0")


def test_an_image_is_signed_for_the_start_of_flash(tmp_path):
    key, image = tmp_path / "key.pem", tmp_path / "app.img"
    ferry("keygen", "-o", key)
    sign = ["sign", "--key", key, "--board", NAME, "--slot", "a", "--version", "1.0.0", "-o", image]
    ferry(*sign, APP)
    data = image.read_bytes()
    assert int.from_bytes(data[4:8], "little") == FLASH and data[0x200:].startswith(APP.read_bytes())
    assert ferry("verify", "--key", tmp_path / "key.pub.pem", image).returncode == 0
    far = tmp_path / "far.bin"  # linked 0x200 bytes behind the start, as for a slot with a header
    far.write_bytes(APP.read_bytes()[:4] + (FLASH + 0x40001).to_bytes(4, "little") + bytes(64))
    done = ferry(*sign, far, check=False)
    assert done.returncode == 1 and "0x08000000" in done.stderr
    done = ferry("provision", "--board", NAME, "--pubkey", tmp_path / "key.pub.pem", "-o", tmp_path / "f.hex",
                 check=False)
    assert done.returncode == 2 and "no bootloader of Ferry's" in done.stderr


@pytest.mark.skipif(not shutil.which("stm32flash") and not os.environ.get("FERRY_NO_SKIP"),
                    reason="stm32flash is not installed (tools/setup)")
@pytest.mark.parametrize("bus", ["uart", "i2c"])
def test_starts_by_the_rom(tmp_path, bus):
    """Written into a blank chip: by GO, then, its empty flag cleared, by a reset with BOOT0 low."""
    rom = RomBoard(tmp_path, NAME, bus=bus)
    board = rom.board
    try:
        rom.stm32flash("-w", APP, "-v", "-g", f"{FLASH:#x}")
        says(board, "1.0.0")
        rom.boot(boot0=0)
        assert wait_for("it runs again", lambda: says(board, "1.0.0")["reset_cause"] == "pin", 10)
        rom.boot(boot0=1)
        wait_for("ST's boot loader listens", lambda: board.command("rom")["ready"], 10)
        rom.stm32flash("-w", APP_V2, "-v")
        rom.boot(boot0=0)
        says(board, "2.0.0")
        assert not board.events("fault") and not board.events("misuse")
    finally:
        board.stop()


def test_the_gateway_asks_the_new_version_over_the_link(tmp_path):
    """sink = rom, confirm = link: the application's own word, first from a blank chip; then an update."""
    node = RomNode(tmp_path, NAME)
    try:
        for app, version in ((APP, "1.0.0"), (APP_V2, "2.0.0")):
            image = tmp_path / "app.img"
            ferry("sign", "--key", node.key.private, "--board", NAME, "--slot", "a", "--version", version, app,
                  "-o", image)
            done = node.update(image.read_bytes(), board=NAME, confirm="link")
            assert done.returncode == 0, done.stderr
            says(node.board, version)
            assert node.flash(app.stat().st_size) == app.read_bytes()
        ferry("sign", "--key", node.key.private, "--board", NAME, "--slot", "a", "--version", "2.0.1", APP,
              "-o", image)  # a program that calls itself otherwise than its image
        done = node.update(image.read_bytes(), board=NAME, confirm="link", retries=1, confirm_s=5)
        assert done.returncode == 1, done.stderr
        says(node.board, "1.0.0")
        assert not node.board.events("fault")
    finally:
        node.stop()


def test_lists_of_boards_know_it_by_its_description():
    tool = TOP / "tools" / "boards"
    assert NAME in run(tool).stdout.split()
    assert NAME not in run(tool, "--bootloader").stdout.split()
