"""A board and an application of one's own, in a copy of the tree, as docs/BOARDS.md and docs/AGENT.md tell."""
import os
import pathlib
import re
import shutil
import struct
import subprocess

import pytest

from lab import BIN, BOARD, TOP, Board, is_confirmed, run, slot_hash


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the sources; only what tools/setup fetched is shared."""
    folder = tmp_path_factory.mktemp("newcomer") / "ferry"
    shutil.copytree(TOP, folder, ignore=lambda path, names:
                    {"build", ".git", "__pycache__"} & set(names) if pathlib.Path(path) == TOP else set())
    (folder / "build").mkdir()
    third_party = folder / "build" / "third_party"
    if "FERRY_MBEDTLS_DIR" in os.environ:
        third_party.mkdir()
        (third_party / "mbedtls").symlink_to(os.environ["FERRY_MBEDTLS_DIR"])
    else:
        third_party.symlink_to(TOP / "build" / "third_party")
    return folder


def configure(tree, *options):
    """Returns exit code and text, the latter in one line."""
    done = run("cmake", "--preset", BOARD, *options, cwd=tree, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("folder, name, complaint", [
    ("my_board", BOARD, f'BOARD_NAME must be "my_board", the folder\'s name; there is: #define BOARD_NAME "{BOARD}"'),
    ("my_board", "my_board2", 'BOARD_NAME must be "my_board"'),
    ("My_Board", "My_Board", "lower-case"),
    ("my_board", "my_board", None),
])
def test_a_board_has_the_name_of_its_folder(tree, folder, name, complaint):
    copy = tree / "boards" / folder
    shutil.copytree(tree / "boards" / BOARD, copy)
    try:
        header = copy / "board.h"
        header.write_text(header.read_text().replace(f'BOARD_NAME "{BOARD}"', f'BOARD_NAME "{name}"'))
        code, text = configure(tree, "-B", tree / "build" / "named", f"-DFERRY_BOARD={folder}")
        assert (code != 0 and complaint in text) if complaint else code == 0, text
    finally:
        shutil.rmtree(copy)
        shutil.rmtree(tree / "build" / "named", ignore_errors=True)


def documented_commands():
    """The first block of commands in docs/AGENT.md."""
    return re.search(r"^```sh\n(.*?)^```", (TOP / "docs" / "AGENT.md").read_text(), re.MULTILINE | re.DOTALL)[1]


def test_an_application_outside_the_tree(tree, tmp_path):
    """The commands of docs/AGENT.md as they stand make a node that runs and can be updated."""
    (tree / "build" / "host").symlink_to(BIN.parent)
    home = tmp_path / "home"
    home.mkdir()
    run("bash", "-euo", "pipefail", "-c", documented_commands(), cwd=tree,
        env={**os.environ, "HOME": str(home)})
    board = Board(tmp_path, tree / "factory.hex", speed=4)
    try:
        assert is_confirmed(board.settled(60), "a", "1.0.0")
        image = tmp_path / "b.img"
        run(BIN / "ferry", "sign", "--key", tree / "release.pem", "--board", BOARD, "--slot", "b", "--version",
            "1.1.0", tree / "build" / BOARD / "my_app_b.bin", "-o", image)
        run(BIN / "ferry", "send", "--port", board.port, image)
        assert is_confirmed(board.settled(60), "b", "1.1.0") and slot_hash(board, "b", image)
    finally:
        board.stop()


def test_a_copy_of_the_example_inside_the_tree_is_built(tree):
    """And an interrupt's handler is found by its name."""
    shutil.copytree(tree / "examples" / "agent_minimal", tree / "examples" / "another")
    with open(tree / "examples" / "another" / "main.c", "a") as source:
        source.write("\nvoid IRQ37_Handler(void);\nvoid IRQ37_Handler(void)\n{\n    rounds++;\n}\n")
    code, text = configure(tree, "-DFERRY_APP_DIR=")
    assert code == 0, text
    run("cmake", "--build", tree / "build" / BOARD, "--target", "another_a", "another_b")
    vectors = struct.unpack("<102I", (tree / "build" / BOARD / "another_b.bin").read_bytes()[:4 * 102])
    assert vectors[16 + 36] == vectors[16 + 38] == vectors[16 + 0]  # nobody's
    assert vectors[16 + 37] not in (0, vectors[16 + 36])


def test_the_example_on_its_own_says_how_it_is_built(tree, tmp_path):
    done = subprocess.run(["cmake", "-S", tree / "examples" / "agent_minimal", "-B", tmp_path],
                          capture_output=True, text=True)
    assert done.returncode != 0 and "FERRY_APP_DIR" in done.stderr
