"""The demo is what a newcomer runs first: it has to tell its story, with exit code 0."""
import os
import subprocess
import sys

import pytest

from lab import BIN, TOP


def demo(*arguments, **options):
    return subprocess.run([sys.executable, TOP / "tools" / "demo", *arguments], capture_output=True, text=True,
                          timeout=600, check=False, **options)


@pytest.mark.parametrize("board, scenes, downloads", [("stm32f411_blackpill", 4, 2), ("nucleo_l432kc", 5, 3)])
def test_demo_tells_its_story(board, scenes, downloads, tmp_path):
    done = demo("--board", board, "--folder", tmp_path / "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("  seen: ") == scenes
    assert done.stdout.count("  100 %  ") >= downloads and "NOT SEEN" not in done.stdout


def test_what_is_not_seen_is_told(tmp_path):
    """A gateway that does nothing: the demo goes on to its end, and fails."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in BIN.iterdir():
        (programs / program.name).symlink_to(program)
    (programs / "ferry-gateway").unlink()
    (programs / "ferry-gateway").write_text("#!/bin/sh\nexit 1\n")
    (programs / "ferry-gateway").chmod(0o755)
    (tmp_path / "lib").symlink_to(BIN.parent / "lib")
    done = demo("--board", "nucleo_l432kc", "--folder", tmp_path / "demo", env={**os.environ, "FERRY_BIN_DIR": str(programs)})
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("  NOT SEEN: ") == 5 and "the gateway failed: not a word" in done.stdout
    assert "To play further" in done.stdout


def test_a_board_that_there_is_not():
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}  # `make test` has its own
    by_make = subprocess.run(["make", "demo", "BOARD=nucleo"], cwd=TOP, capture_output=True, text=True, check=False,
                             env=own)
    for done in (demo("--board", "nucleo"), by_make):
        assert done.returncode == 2 and done.stdout == ""
        assert "no board nucleo; there is: " in done.stderr and "nucleo_l432kc" in done.stderr


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    done = demo("--folder", tmp_path)
    assert done.returncode == 2 and "is there already" in done.stderr and tmp_path.exists()
