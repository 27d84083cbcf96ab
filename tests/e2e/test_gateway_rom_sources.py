"""The sink `rom` with its sources: HTTP servers of every kind, ferry-server, and the application's own
word that the new version runs (`confirm = link`). Small things first: tests/e2e/test_gateway_rom.py."""
import hashlib
import http.server
import struct
import subprocess
import threading

import pytest

from lab import BIN, BUILD, Server, ferry, wait_for
from rom_rig import FLASH, RomNode, image, program
from test_gateway_http import Files

F411, L432 = "stm32f411_blackpill", "nucleo_l432kc"
OLD, NEW = program(20001), program(20001, salt=1)
LARGE = program(300000, salt=3)  # more than the gateway keeps of a download: the second pass asks again


@pytest.fixture(name="node")
def make_node(tmp_path):
    node = RomNode(tmp_path, F411, first=OLD, speed=50)
    try:
        wait_for("the old application runs", node.runs, 10)
        node.board.command("counters_reset")
        yield node
    finally:
        node.stop()


class Passes(Files):
    """server.answer(number of the request) -> content, tag or None."""

    def do_GET(self):
        if self.server.answer is None:
            super().do_GET()
            return
        self.server.requests.append((self.path, self.headers.get("Range"), None))
        body, tag = self.server.answer(len(self.server.requests))
        self.range_reply(body, tag)


@pytest.fixture(name="server")
def make_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Passes)
    server.daemon_threads = True
    server.mode, server.requests, server.sent, server.forgot, server.answer = "", [], 0, False, None
    server.files = {}
    server.url = f"http://127.0.0.1:{server.server_address[1]}/app.img"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def fetch(node, server, **keys):
    return node.gateway(source="http", url=server.url, **keys)


def assert_untouched(node, done, words=""):
    assert done.returncode == 1, done.stderr
    assert words in done.stderr, done.stderr
    assert node.counters() == (0, 0)
    node.assert_runs(OLD)


def starts(node):
    return node.flash(8) != b"\xff" * 8


# --- http ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["", "no-range", "slow", "unavailable-twice", "truncated", "changing", "forgetful"])
def test_odd_but_usable_servers(node, server, mode):
    server.files["/app.img"] = image(node.key, NEW)
    server.mode = mode
    done = fetch(node, server)
    assert done.returncode == 0, done.stderr
    node.assert_runs(NEW)


@pytest.mark.parametrize("mode, words", [("loop", "redirects"), ("to-http", "192.0.2.1"), ("wrong-range", "another range")])
def test_servers_that_are_refused(node, server, mode, words):
    server.files["/app.img"] = image(node.key, NEW)
    server.mode = mode
    assert_untouched(node, fetch(node, server), words)
    assert len(server.requests) < 20


def test_not_found(node, server):
    assert_untouched(node, fetch(node, server), "404")


def test_no_server(node, server):
    server.url = "http://127.0.0.1:9/app.img"
    assert_untouched(node, fetch(node, server, retries=1))


@pytest.mark.parametrize("length", [-40, -3000])
def test_file_that_is_too_short(node, server, length):
    server.files["/app.img"] = image(node.key, NEW)[:length]
    assert_untouched(node, fetch(node, server, retries=1), "ends")


def test_wrong_content_is_found_before_the_chip_hears_of_it(node, server):
    body = bytearray(image(node.key, NEW))
    body[12000] ^= 1
    server.files["/app.img"] = bytes(body)
    assert_untouched(node, fetch(node, server), "IMAGE_HASH")


# --- another content in the second pass ----------------------------------------------------------

# Requests for LARGE from a server that keeps its connections: the header, the TLVs behind 300 KB, the
# first pass; then the second, which the gateway does not hold in memory any more.
FIRST_PASS = 3


def tag(body):
    return '"' + hashlib.sha256(body).hexdigest()[:16] + '"'


def spoilt(body, at=150000):
    changed = bytearray(body)
    changed[at] ^= 1
    return bytes(changed)


def test_changed_between_the_passes_without_a_validator(node, server):
    """Only the second hash can tell. What was written does not start; nor does the server's next try."""
    good = image(node.key, LARGE)
    server.answer = lambda number: (good if number <= FIRST_PASS else spoilt(good), None)
    done = fetch(node, server)
    assert done.returncode == 1, done.stderr
    assert "changed between its two passes" in done.stderr and "IMAGE_HASH" in done.stderr
    assert not starts(node)
    server.answer = lambda _: (good, None)
    done = fetch(node, server)
    assert done.returncode == 0, done.stderr
    node.assert_runs(LARGE)


def test_a_source_that_changes_for_ever_is_given_up(node, server):
    """Every first pass is right and every second one wrong: bounded, and nothing starts."""
    good = image(node.key, LARGE)
    server.answer = lambda number: (good if number % 2 else spoilt(good), None)
    done = fetch(node, server, retries=1)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("changed between its two passes") == 2
    assert not starts(node)
    assert node.board.command("counters")["erases"][0] <= 2


def test_released_anew_between_the_passes(node, server):
    """With a validator: the round begins again, with the new release."""
    first, second = image(node.key, LARGE, (2, 0, 0)), image(node.key, program(300000, salt=4), (2, 1, 0))
    server.answer = lambda number: (first, tag(first)) if number <= FIRST_PASS else (second, tag(second))
    done = fetch(node, server)
    assert done.returncode == 0, done.stderr
    assert "changed meanwhile" in done.stderr and len(server.requests) > FIRST_PASS + 1
    node.assert_runs(program(300000, salt=4))


def test_changed_in_the_middle_of_the_second_pass(node, server):
    """A connection that breaks, and another file behind the next Range request."""
    first, second = image(node.key, LARGE, (2, 0, 0)), image(node.key, program(300000, salt=4), (2, 1, 0))
    server.mode = "truncated"  # each answer ends early

    def answer(_):
        body = first if node.counters()[1] < 100000 else second
        return body, tag(body)

    server.answer = answer
    done = fetch(node, server)
    assert done.returncode == 0, done.stderr
    assert "changed meanwhile" in done.stderr
    node.assert_runs(program(300000, salt=4))


def test_other_claims_in_front_of_a_signed_image(node, server):
    """Header and TLVs are read first: what they claim has to be what the first pass reads."""
    old, new = image(node.key, LARGE, (1, 0, 0), counter=1), image(node.key, LARGE, (2, 0, 0), counter=9)
    assert fetch_of(node, server, new).returncode == 0
    node.board.command("counters_reset")
    start = 0x200 + len(LARGE)
    end = start + struct.unpack_from("<H", old, 10)[0]  # of the protected TLVs: counter, board
    claimed = new[:end] + old[end:]
    server.answer = lambda number: (claimed if number < FIRST_PASS else old, None)
    server.requests.clear()
    done = fetch(node, server, retries=1)
    assert done.returncode == 1, done.stderr
    assert "changed between" in done.stderr and "IMAGE_COUNTER" in done.stderr
    assert node.counters() == (0, 0)
    node.assert_runs(LARGE)


def fetch_of(node, server, content):
    server.answer = lambda _: (content, None)
    return fetch(node, server)


# --- ferry-server, and the application's own word -------------------------------------------------

@pytest.fixture(name="nucleo")
def make_nucleo(tmp_path):
    node = RomNode(tmp_path, L432, speed=5)
    try:
        yield node
    finally:
        node.stop()


def demo(node, which, version):
    """The board's demo application, which says its version over the link."""
    return node.sign(BUILD / L432 / f"{which}.bin", version)


LINK = {"board": L432, "confirm": "link", "confirm_s": 20}


def offer(path):
    return {"source": "file", "path": path}


def test_confirmed_by_the_application(nucleo):
    first, second = demo(nucleo, "demo_app", "1.0.0"), demo(nucleo, "demo_app_v2", "2.0.0")
    for path, version in ((first, "1.0.0"), (second, "2.0.0")):
        done = nucleo.gateway(**offer(path), **LINK)
        assert done.returncode == 0, done.stderr
        assert f"{version} runs, confirmed" in done.stderr
        status = ferry("status", "--port", nucleo.port).stdout
        assert version in status
    before = nucleo.board.command("counters")["resets"], nucleo.counters()
    done = nucleo.gateway(**offer(second), **LINK)  # asked, not disturbed
    assert done.returncode == 0 and "2.0.0 runs already" in done.stderr
    assert before == (nucleo.board.command("counters")["resets"], nucleo.counters())
    done = nucleo.gateway(**offer(first), **LINK)
    assert done.returncode == 1 and "IMAGE_COUNTER" in done.stderr


def test_an_application_that_says_nothing_is_no_success(nucleo):
    """In flash and started, but silent: failure, and the counter stays."""
    path = nucleo.folder / "silent.img"
    path.write_bytes(image(nucleo.key, OLD, (3, 0, 0), board=L432, counter=99))
    done = nucleo.gateway(**offer(path), **{**LINK, "confirm_s": 1})
    assert done.returncode == 1, done.stderr
    assert "did not come to run in time" in done.stderr or "does not answer" in done.stderr
    nucleo.assert_runs(OLD)
    done = nucleo.gateway(**offer(demo(nucleo, "demo_app", "1.0.0")), **LINK)
    assert done.returncode == 0, done.stderr


def test_an_application_of_another_version_is_no_success(nucleo):
    done = nucleo.gateway(**offer(demo(nucleo, "demo_app", "1.5.0")), **{**LINK, "confirm_s": 1})
    assert done.returncode == 1, done.stderr
    assert "WRONG_IMAGE" in done.stderr


def test_released_by_the_server(nucleo):
    server = Server(nucleo.folder, nucleo.key.public)
    try:
        server.publish([demo(nucleo, "demo_app", "1.0.0")])
        keys = {"source": "ddi", "url": server.url, "token": server.device_token, "controller_id": "rom-1",
                "poll_s": 1, **LINK}
        config = nucleo.config(**keys)
        with open(nucleo.folder / "gateway.log", "w") as log:
            gateway = subprocess.Popen([BIN / "ferry-gateway", "--config", config], stderr=log,
                                       env=nucleo.board.env)
        try:
            for which, version in (("demo_app", "1.0.0"), ("demo_app_v2", "2.0.0")):
                if version != "1.0.0":
                    server.publish([demo(nucleo, which, version)])
                wait_for(f"the server hears of {version}",
                         lambda v=version: (server.target("rom-1") or {}).get("version") == v, 90)
                payload = (BUILD / L432 / f"{which}.bin").read_bytes()
                assert nucleo.flash(len(payload)) == payload
        finally:
            gateway.terminate()
            gateway.wait(10)
    finally:
        server.stop()

