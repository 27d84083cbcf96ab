"""tools/fuzz never leaves the virtual boards out in silence. Its targets are stand-ins here."""
import os
import subprocess

from lab import TOP
from node_cases import BOARDS


def fuzz(folder, *options):
    target = folder / "fuzz" / "bin" / "fuzz_standin"
    target.parent.mkdir(parents=True)
    target.write_text(f"#!/bin/sh\n: >{folder}/ran\necho stat::number_of_executed_units: 1\n")
    target.chmod(0o755)
    environment = dict(os.environ, FERRY_FUZZ_BUILD=str(folder / "fuzz"), FERRY_BUILD_DIR=str(folder),
                       FERRY_BIN_DIR=str(folder))
    return subprocess.run([TOP / "tools" / "fuzz", "--seconds", "1", *options], env=environment,
                          capture_output=True, text=True, check=False)


def test_boards_that_are_not_built_are_an_error(tmp_path):
    done = fuzz(tmp_path)
    assert done.returncode == 2 and not (tmp_path / "ran").exists()
    assert all(board in done.stderr for board in BOARDS) and "--boards" in done.stderr


def test_boards_are_left_out_on_request_only(tmp_path):
    done = fuzz(tmp_path, "--boards", "none")
    assert done.returncode == 0 and (tmp_path / "ran").exists(), done.stderr
    assert "without the virtual boards" in done.stdout


def test_a_board_that_is_asked_for_has_to_be_built(tmp_path):
    done = fuzz(tmp_path, "--boards", "stm32f411_single")
    assert done.returncode == 2 and not (tmp_path / "ran").exists()
    assert "stm32f411_single" in done.stderr and "discovery" not in done.stderr


def test_an_unknown_board_is_an_error(tmp_path):
    done = fuzz(tmp_path, "--boards", "stm32f411_single,nosuch")
    assert done.returncode == 2 and "no board nosuch" in done.stderr
