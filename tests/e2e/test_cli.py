"""What `ferry` says to people: progress on narrow terminals, refusals that name file and values, trials.

The node is gateway/tests/pty_node.c, as in test_gateway_http.py.
"""
import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import termios
import time

import pytest

from test_gateway_http import BIN, BOARD, SLOT_B, Node, images, node, run  # noqa: F401 (fixtures)


def ferry(*words, **options):
    return run(BIN / "ferry", *words, **options)


def sign(folder, images, slot, version, counter, base, key=None, size=4000, board=BOARD):
    binary = folder / "app.bin"
    binary.write_bytes(struct.pack("<II", 0x20020000, base + 0x209) + bytes(size))
    image = folder / f"{slot}-{version}-{counter}.img"
    done = ferry("sign", "--key", key or images["key"].with_name("key.pem"), "--board", board, "--slot", slot,
                 "--version", version, "--security-counter", counter, binary, "-o", image)
    assert done.returncode == 0, done.stderr
    return image


def run_on_terminal(columns, *command):
    """Runs a program on a terminal of this width; returns its exit code and what it wrote."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([str(c) for c in command], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    text = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # the program has ended
            break
        if not part:
            break
        text += part
    os.close(master)
    return process.wait(10), text.decode()


@pytest.mark.parametrize("columns, shown", [(20, 40), (40, 40), (60, 60), (80, 80), (200, 200), (0, 80)])
def test_progress_stays_in_one_line(node, images, columns, shown):
    code, text = run_on_terminal(columns, BIN / "ferry", "send", "--port", node.port, images["b", "2.0.0"])
    assert code == 0, text
    drawn = [part.split("\r\n")[0] for part in re.split(r"\r(?!\n)", text)[1:]]
    assert len(drawn) > 2 and "100 %" in drawn[-1]
    for line in drawn:
        assert line.endswith("\033[K")
        assert len(line.removesuffix("\033[K")) < shown, line
    assert any("[#" in line for line in drawn) == (shown >= 80)


# --- refusals -----------------------------------------------------------------------------------------

def test_no_image_names_the_file(node, images, tmp_path):
    text = tmp_path / "README.md"
    text.write_text("not an image\n" * 100)
    done = ferry("send", "--port", node.port, images["b", "2.0.0"], text)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ferry: {text}: this is not an image"), done.stderr
    assert node.info()["running"] == "A"


def flip(data):
    data[0x300] ^= 1  # in the payload
    return data


@pytest.mark.parametrize("spoil, name", [
    (flip, "the file is damaged (IMAGE_HASH): copy or sign it again"),
    (lambda data: data + b"more!\n", "the file is damaged (IMAGE_SIZE): 6 bytes follow the image"),
    (lambda data: data[:-40], "(IMAGE_SIZE)"),
], ids=["flipped", "longer", "cut"])
def test_a_damaged_file_never_reaches_the_node(node, images, tmp_path, spoil, name):
    image = tmp_path / "damaged.img"
    image.write_bytes(spoil(bytearray(images["b", "2.0.0"].read_bytes())))
    done = ferry("send", "--port", node.port, images["a", "2.0.0"], image)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ferry: {image}: ") and name in done.stderr, done.stderr
    assert node.events()[-1]["erases"] == 0 and node.info()["update"]["phase"] == "none"


def test_wrong_board_names_both(node, images, tmp_path):
    """Also where its slot begins where this board has none."""
    for board, slot, start in (("stm32f411_single", "a", 0x08004000), ("stm32f407_discovery", "b", 0x08060000)):
        image = sign(tmp_path, images, slot, "9.0.0", "auto", start, board=board)
        done = ferry("send", "--port", node.port, image)
        assert done.returncode == 1
        assert f"{image}: the image is for {board}, this node is {BOARD} (IMAGE_BOARD)" in done.stderr
    assert node.events()[-1]["erases"] == 0


def test_wrong_slot_names_both(node, images):
    image = images["a", "2.0.0"]
    done = ferry("send", "--port", node.port, image)
    assert done.returncode == 1
    assert f"slot B is free, {image} is linked for slot A" in done.stderr
    assert node.events()[-1]["erases"] == 0


def test_counter_names_both(node, images, tmp_path):
    assert ferry("send", "--port", node.port, images["b", "3.0.0"]).returncode == 0
    image = sign(tmp_path, images, "a", "3.0.1", 7, 0x08010000)
    done = ferry("send", "--port", node.port, image)
    assert done.returncode == 1
    floor = node.info()["security_counter"]
    assert f"{image}: its security counter is 7, the node takes none below {floor}" in done.stderr


def test_wrong_key_names_the_file(node, images, tmp_path):
    key = tmp_path / "wrong.pem"
    assert ferry("keygen", "-o", key).returncode == 0
    image = sign(tmp_path, images, "b", "9.0.0", "auto", SLOT_B, key)
    done = ferry("send", "--port", node.port, image)
    assert done.returncode == 1 and f"ferry: {image}: " in done.stderr and "IMAGE_KEY" in done.stderr


def test_sign_names_the_known_boards(tmp_path):
    done = ferry("sign", "--key", "k", "--board", "x", "--slot", "a", "--version", "1.0.0", "in", "-o", "out")
    assert done.returncode == 2
    assert re.match(rf"ferry: unknown board x; known are .*{BOARD}", done.stderr)


@pytest.mark.parametrize("program, arguments", [
    ("ferry", ("provision", "--pubkey", "k", "-o", "out")),
    ("ferry", ("verify", "--key", "k", "image")),
    ("ferry-sim", ()),
])
def test_all_name_the_known_boards(program, arguments):
    done = run(BIN / program, *arguments, "--board", "x")
    assert done.returncode == 2
    assert re.search(rf"unknown board x; known are .*{BOARD}", done.stderr), done.stderr
    assert "()" not in done.stderr


def test_without_reset_what_the_node_has_is_left_alone(node, images):
    for _ in range(2):
        done = ferry("send", "--port", node.port, "--no-reset", images["b", "2.0.0"])
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("accepted  the next start tries it\n")
    assert node.info()["update"]["phase"] == "pending" and node.info()["running"] == "A"
    assert len(node.events("boot")) == 1


# --- trials -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("node", [("--confirm-ms", 0, "--trial-ms", 60000)], indirect=True)
def test_unconfirmed_trial_is_no_wiring_problem(node, images):
    done = ferry("send", "--port", node.port, "--wait-confirm", "3", images["b", "2.0.0"])
    assert done.returncode == 1
    assert "2.0.0 runs but did not confirm itself within 3 s; it is still on trial" in done.stderr
    assert "wiring" not in done.stderr
    done = ferry("confirm", "--port", node.port)
    assert (done.returncode, done.stdout) == (0, "confirmed: 2.0.0 stays\n")
    done = ferry("confirm", "--port", node.port)
    assert (done.returncode, done.stdout) == (0, "2.0.0 was confirmed already\n")
    done = ferry("revert", "--port", node.port)
    assert done.returncode == 1 and "NOT_TRIAL" in done.stderr


def test_a_slot_being_filled_is_not_damaged(tmp_path, images):
    folder = tmp_path / "slow"
    folder.mkdir()
    slow = Node(folder, images, "--baud", 57600)
    command = [str(BIN / "ferry"), "send", "--port", str(slow.port), str(images["b", "2.0.0"])]
    try:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        text = ferry("status", "--port", slow.port).stdout
        assert re.search(r"Slot B +- +being filled, 0x", text), text
        slot = json.loads(ferry("status", "--port", slow.port, "--json").stdout)["slots"][1]
        assert (slot["content"], slot["version"], slot["hash"]) == ("filling", None, None)
    finally:
        slow.stop()


def test_a_restart_is_called_a_restart(node, images):
    command = [str(BIN / "ferry"), "send", "--port", str(node.port), str(images["b", "2.0.0"])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    time.sleep(0.5)
    node.command("cut")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert "no transfer is open" not in out and "the node restarted; trying again" in out


def test_help_log_tells_what_is_not_logged():
    told = ferry("help", "log").stdout
    assert "the number counts entries" in told and "the newest starts may be missing" in told
