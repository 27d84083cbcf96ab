"""Updates of a node on the virtual board, end to end, with the real programs: what goes wrong in the
field and what has to come of it. The main story is tools/demo; test_demo.py runs that."""
import os
import signal
import subprocess
import time

import pytest

from lab import (BIN, SLOTS, Board, Keys, Lab, LabError, durable, ferry, is_confirmed, slot_hash, version_in,
                 wait_for)


@pytest.fixture
def node(tmp_path):
    """A provisioned board without server and gateway, running 1.0.0 from slot a."""
    keys = Keys(tmp_path)
    first = keys.sign_app("", "1.0.0")
    board = Board(tmp_path, keys.provision(first[0]), speed=4)
    try:
        board.settled(60)
        yield board, keys
    finally:
        board.stop()


def send(board, *images, options=(), check=False):
    return ferry("send", "--port", board.port, *options, *images, check=check)


def start_send(board, *images):
    return subprocess.Popen([str(c) for c in (BIN / "ferry", "send", "--port", board.port, *images)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_bytes(board, count):
    start = board.uart_bytes_in()
    wait_for(f"{count} bytes on the wire", lambda: board.uart_bytes_in() - start > count, 60, 0.02)


def test_send_installs_and_confirms(node):
    board, keys = node
    images = keys.sign_app("", "1.1.0")
    done = send(board, *images, check=True)
    assert done.returncode == 0
    assert is_confirmed(board.settled(60), "b", "1.1.0")
    assert slot_hash(board, "b", images[1])
    # and back to the other slot: the free one is chosen by asking the node
    send(board, *keys.sign_app("", "1.2.0"), check=True)
    assert is_confirmed(board.settled(60), "a", "1.2.0")


@pytest.mark.parametrize("options", [(), ("--bootloader",)])
def test_each_sector_is_erased_once(node, options):
    board, keys = node
    send(board, *keys.sign_app("_large", "1.1.0"), options=options, check=True)
    assert board.command("counters")["erases"][6:8] == [1, 1]
    assert board.command("counters")["erases"][4:6] == [0, 0]


@pytest.mark.parametrize("variant", ["_hang", "_fault"])
def test_broken_application_is_reverted(node, variant):
    board, keys = node
    board.command("speed", x=16)
    before = slot_hash(board, "a")
    done = send(board, *keys.sign_app(variant, "1.1.0"))
    board.command("speed", x=4)
    assert done.returncode == 1
    info = board.settled(60)
    assert is_confirmed(info, "a", "1.0.0")
    assert info["update"]["outcome"] == "TRIAL_EXHAUSTED"
    assert slot_hash(board, "a") == before


def test_jump_leaves_the_reset_state(node):
    """demo_app_strict compares 44 registers with their reset values before anything else."""
    board, keys = node
    send(board, *keys.sign_app("_strict", "1.1.0"), check=True)
    assert is_confirmed(board.settled(60), "b", "1.1.0")


def test_update_without_a_crystal(tmp_path):
    keys = Keys(tmp_path)
    first = keys.sign_app("", "1.0.0")
    board = Board(tmp_path, keys.provision(first[0]), speed=4, options=("--no-hse",))
    try:
        send(board, *keys.sign_app("", "1.1.0"), check=True)
        info = board.settled()
        assert is_confirmed(info, "b", "1.1.0")
        assert any("crystal" in warning for warning in info["warnings"])
    finally:
        board.stop()


def test_bootloader_answers_without_a_pll(tmp_path):
    """16 MHz from HSI, undivided: behind APB1's divider of 4 the UART could not make its baud rate."""
    keys = Keys(tmp_path, "stm32f407_discovery")
    first = keys.sign_app("", "1.0.0")[0]
    board = Board(tmp_path, keys.provision(first), "stm32f407_discovery", speed=4, options=("--no-pll",))
    try:
        info = board.settled()
        assert any("crystal" in warning for warning in info["warnings"])
    finally:
        board.stop()


def test_refused_at_open_erases_nothing(node, tmp_path):
    board, keys = node
    app_a, app_b = (keys.folder / f"demo_app-1.0.0-{s}.img" for s in "ab")
    wrong = tmp_path / "wrong.pem"
    ferry("keygen", "-o", wrong)
    cut = tmp_path / "cut.img"
    cut.write_bytes(app_b.read_bytes()[:-40])
    text = tmp_path / "text.img"
    text.write_text("not an image at all\n" * 100)
    old = keys.sign_app("", "0.9.0")[1]
    flipped = tmp_path / "flipped.img"
    data = bytearray(keys.sign_app("", "1.3.0")[1].read_bytes())
    data[-20] ^= 1  # in the signature
    flipped.write_bytes(data)
    cases = [(keys.sign_app("", "9.0.0", key=wrong)[1], "IMAGE_KEY"), (cut, "truncated"),
             (text, "IMAGE_MAGIC"), (old, "IMAGE_COUNTER"), (app_a, "SLOT"), (flipped, "IMAGE_SIGNATURE")]
    before = sum(board.command("counters")["erases"])
    for image, name in cases:
        done = send(board, image)
        assert done.returncode == 1, (image, done.stdout)
        assert name in done.stderr, (name, done.stderr)
    assert sum(board.command("counters")["erases"]) == before
    assert is_confirmed(board.settled(60), "a", "1.0.0")


def test_pulled_cable_resumes(node):
    board, keys = node
    images = keys.sign_app("_large", "1.1.0")
    sender = start_send(board, *images)
    wait_bytes(board, 60000)
    board.command("unplug")
    time.sleep(2)
    board.command("plug")
    out, _ = sender.communicate(timeout=120)
    assert sender.returncode == 0, out
    assert is_confirmed(board.settled(60), "b", "1.1.0")
    assert board.command("counters")["erases"][6:8] == [1, 1]


def test_interrupt_aborts_and_a_later_send_resumes(node):
    board, keys = node
    images = keys.sign_app("_large", "1.1.0")
    sender = start_send(board, *images)
    wait_bytes(board, 100000)
    sender.send_signal(signal.SIGINT)
    sender.communicate(timeout=30)
    assert sender.returncode == 130
    info = board.info()
    assert info["update"]["phase"] == "filling" and not info["update"]["open"]
    kept = info["update"]["durable"]
    assert kept > 0
    start = board.uart_bytes_in()
    send(board, *images, options=("--no-reset",), check=True)
    rest = images[1].stat().st_size - kept
    assert board.uart_bytes_in() - start <= rest + 4096


@pytest.mark.parametrize("options", [(), ("--bootloader",)])
def test_power_back_at_once_costs_4_kb(node, options):
    """The sender may be far ahead of the flash: it has to hear of the restart, not fill its window."""
    board, keys = node
    board.command("speed", x=1)
    images = keys.sign_app("_large", "1.1.0")
    sender = start_send(board, "--no-reset", *options, *images)
    wait_bytes(board, 130000)
    board.command("power_cut")
    rest = images[1].stat().st_size - durable(board)
    at_cut = board.uart_bytes_in()
    board.command("power_on")
    out, _ = sender.communicate(timeout=120)
    assert sender.returncode == 0, out
    assert board.uart_bytes_in() - at_cut <= rest + 4096


def test_power_cuts_at_many_moments(node):
    board, keys = node
    images = keys.sign_app("_large", "1.1.0")
    sender = start_send(board, *images)
    for count in (3000, 50000, 60000, 30000):
        wait_bytes(board, count)
        board.command("power_cut")
        time.sleep(0.3)
        board.command("power_on")
    out, _ = sender.communicate(timeout=180)
    assert sender.returncode == 0, out
    assert is_confirmed(board.settled(60), "b", "1.1.0")
    assert slot_hash(board, "b", images[1])


def test_revert_by_command(node):
    board, keys = node
    send(board, *keys.sign_app("_silent", "1.1.0"), options=("--wait-confirm", "0"), check=True)
    wait_for("the trial runs", lambda: board.info()["update"]["phase"] == "trial", 60, 0.5)
    ferry("revert", "--port", board.port)
    ferry("reset", "--port", board.port)
    info = board.settled(60)
    assert info["running"] == "a"
    assert info["update"]["outcome"] == "REVERTED"


def test_confirm_by_command(node):
    board, keys = node
    send(board, *keys.sign_app("_silent", "1.1.0"), options=("--wait-confirm", "0"), check=True)
    wait_for("the trial runs", lambda: board.info()["update"]["phase"] == "trial", 60, 0.5)
    ferry("confirm", "--port", board.port)
    assert is_confirmed(board.settled(60), "b", "1.1.0")
    ferry("reset", "--port", board.port)
    assert is_confirmed(board.settled(60), "b", "1.1.0")


def test_log_tells_the_boots(node):
    board, keys = node
    ferry("reset", "--port", board.port)
    board.settled(60)
    out = ferry("log", "--port", board.port).stdout
    assert "software" in out and "power" in out


def test_port_is_locked(node):
    board, keys = node
    sender = start_send(board, *keys.sign_app("_large", "1.1.0"))
    wait_bytes(board, 3000)
    second = ferry("status", "--port", board.port, check=False)
    assert second.returncode == 1
    assert sender.wait(120) == 0


def test_noise_on_the_wire(node):
    board, keys = node
    images = keys.sign_app("_large", "1.1.0")
    board.command("uart_noise", one_in=20000)
    done = send(board, *images)
    board.command("uart_noise", one_in=0)
    assert done.returncode == 0, done.stderr
    assert slot_hash(board, "b", images[1])


def test_corrupt_confirmed_image_falls_back(node):
    board, keys = node
    # the same security counter as 1.0.0: a confirm of a higher one would bar the way back
    send(board, *keys.sign_app("", "1.1.0", counter="16777216"), check=True)
    # wear, modelled by the programmer's hand: a word of the confirmed image changes while power is off
    board.command("power_off")
    board.command("flash_load", address=SLOTS["b"][0] + 0x400, hex="00000000")
    board.command("power_on")
    info = board.settled(60)
    assert info["running"] == "a"
    assert version_in(info, "a").startswith("1.0.0")


def test_gateway_and_server_restarts(tmp_path):
    with Lab(tmp_path / "lab", speed=2) as lab:
        images = lab.keys.sign_app("_large", "2.0.0")
        lab.start_gateway()
        lab.server.publish(images)
        wait_bytes(lab.board, 50000)
        lab.stop_gateway()
        lab.server.restart()
        lab.start_gateway()
        wait_for("success", lambda: (lab.server.target("node-1") or {}).get("action", {})
                 .get("state") == "success", 120, 0.2)
        lab.stop_gateway()
        assert is_confirmed(lab.board.settled(60), "b", "2.0.0")
        assert lab.board.command("counters")["erases"][6:8] == [1, 1]


def test_gateway_killed_hard(tmp_path):
    with Lab(tmp_path / "lab", speed=2) as lab:
        lab.start_gateway()
        lab.server.publish(lab.keys.sign_app("_large", "2.0.0"))
        wait_bytes(lab.board, 80000)
        os.kill(lab.gateway.program.process.pid, signal.SIGKILL)
        lab.gateway.program.process.wait()
        lab.start_gateway()
        wait_for("success", lambda: (lab.server.target("node-1") or {}).get("action", {})
                 .get("state") == "success", 120, 0.2)


def test_server_refuses_a_foreign_signature(tmp_path):
    with Lab(tmp_path / "lab") as lab:
        wrong = tmp_path / "wrong.pem"
        ferry("keygen", "-o", wrong)
        with pytest.raises(LabError):
            lab.server.publish(lab.keys.sign_app("", "2.0.0", key=wrong))
        assert lab.server.api("/api/v1/releases")["releases"] == []


def action_is(lab, version, state):
    action = (lab.server.target("node-1") or {}).get("action") or {}
    return action.get("version") == version and action.get("state") == state


def fail_and_come_back(lab, bad, good, image):
    """Publishes `bad`, which hangs; the gateway has to bring `good` again by itself."""
    lab.server.publish(lab.keys.sign_app("_hang", bad))
    wait_for(f"{bad} is given up", lambda: action_is(lab, bad, "failure"), 120, 0.2)
    wait_for(f"{good} runs again", lambda: slot_hash(lab.board, "a", image) and lab.board.in_application(), 60, 0.5)
    lab.stop_gateway()
    wait_for("confirmed", lambda: is_confirmed(lab.board.settled(60), "a", good), 60, 1)


def test_single_slot_gets_the_last_confirmed_release_again(tmp_path):
    """First the one from the factory, which the server has too; then one that the gateway brought."""
    with Lab(tmp_path / "lab", speed=8, board="stm32f411_single") as lab:
        lab.board.settled(60)
        lab.server.publish(lab.first)
        lab.start_gateway()
        wait_for("1.0.0 is known", lambda: (lab.server.target("node-1") or {}).get("version") == "1.0.0", 30, 0.2)
        fail_and_come_back(lab, "1.1.0", "1.0.0", lab.first[0])
        images = lab.keys.sign_app("", "1.2.0")
        lab.server.publish(images)
        lab.start_gateway()
        wait_for("success", lambda: action_is(lab, "1.2.0", "success"), 120, 0.2)
        fail_and_come_back(lab, "1.3.0", "1.2.0", images[0])


def boots_told(lab):
    """The starts that the server has of the node, the oldest first: (reset, action, slot, version, error)."""
    boots = lab.server.api("/api/v1/targets/node-1")["boots"]
    return [tuple(boot[key] for key in ("reset", "action", "slot", "version", "error")) for boot in reversed(boots)]


def wait_boot(lab, *expected):
    wait_for(f"the server hears of {expected}", lambda: expected in boots_told(lab), 60, 0.2)


def test_boots_reach_the_server(tmp_path):
    """An update, a reset, a power cut and a revert; and what a restarted gateway tells again adds nothing."""
    with Lab(tmp_path / "lab", speed=8) as lab:
        lab.board.settled(60)
        lab.server.publish(lab.keys.sign_app("", "2.0.0"))
        lab.start_gateway()
        wait_for("2.0.0 is installed", lambda: action_is(lab, "2.0.0", "success"), 120, 0.2)
        wait_boot(lab, "power", "boot_confirmed", "a", "1.0.0", "OK")
        wait_boot(lab, "software", "start_trial", "b", "2.0.0", "OK")
        lab.board.command("reset")
        wait_boot(lab, "pin", "boot_confirmed", "b", "2.0.0", "OK")  # a start between two polls
        lab.board.command("power_cut")
        lab.board.command("power_on")
        wait_boot(lab, "power", "boot_confirmed", "b", "2.0.0", "OK")
        lab.server.publish(lab.keys.sign_app("_fault", "2.1.0"))
        wait_for("2.1.0 is given up", lambda: action_is(lab, "2.1.0", "failure"), 240, 0.2)
        wait_boot(lab, "software", "boot_confirmed", "b", "2.0.0", "TRIAL_EXHAUSTED")
        told = boots_told(lab)
        actions = [(action, slot, version) for _, action, slot, version, _ in told]
        assert actions == [("boot_confirmed", "a", "1.0.0"), ("start_trial", "b", "2.0.0"),
                           ("boot_confirmed", "b", "2.0.0"), ("boot_confirmed", "b", "2.0.0"),
                           ("start_trial", "a", "2.1.0"), ("continue_trial", "a", "2.1.0"),
                           ("continue_trial", "a", "2.1.0"), ("boot_confirmed", "b", "2.0.0")]
        numbers = [boot["number"] for boot in lab.server.api("/api/v1/targets/node-1")["boots"]]
        assert numbers == list(range(len(told), 0, -1))
        lab.stop_gateway()
        lab.start_gateway()
        lab.board.command("reset")
        wait_for("one more start", lambda: len(boots_told(lab)) > len(told), 60, 0.2)
        assert boots_told(lab) == told + [("pin", "boot_confirmed", "b", "2.0.0", "OK")]
