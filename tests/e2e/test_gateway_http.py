"""The gateway against HTTP servers of every kind, and `ferry send`, with a node as a host process.

The node is gateway/tests/pty_node.c: the core on emulated flash behind a pty. What it says about its
erases, bytes and starts is the verdict, and the gateway's exit code.
"""
import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import random
import signal
import ssl
import struct
import subprocess
import threading
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FERRY_BUILD_DIR", TOP / "build"))
BIN = pathlib.Path(os.environ.get("FERRY_BIN_DIR", BUILD / "test" / "bin"))
BOARD = "stm32f411_blackpill"
SLOT_A, SLOT_B = 0x08010000, 0x08040000
UID = "101112131415161718191a1b"


def find_node():
    path = BUILD / "test" / "bin" / "pty_node"
    assert path.exists(), "build the tests first: cmake --preset test && cmake --build build/test"
    return path


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Signed images: {(slot, version): path}, and the public key."""
    folder = tmp_path_factory.mktemp("images")
    key = folder / "key.pem"
    assert run(BIN / "ferry", "keygen", "-o", key).returncode == 0
    made = {"key": folder / "key.pub.pem"}
    for slot, base in (("a", SLOT_A), ("b", SLOT_B)):
        for version, size in (("1.0.0", 5000), ("2.0.0", 70000), ("3.0.0", 30001)):
            source = random.Random(f"{slot}{version}")
            binary = folder / f"{slot}-{version}.bin"
            binary.write_bytes(struct.pack("<II", 0x20020000, base + 0x209) + source.randbytes(size - 8))
            image = folder / f"{slot}-{version}.img"
            done = run(BIN / "ferry", "sign", "--key", key, "--board", BOARD, "--slot", slot,
                       "--version", version, "--security-counter", "auto", binary, "-o", image)
            assert done.returncode == 0, done.stderr
            made[slot, version] = image
    return made


class Node:
    def __init__(self, folder, images, *options):
        self.port = folder / "tty"
        self.process = subprocess.Popen(
            [str(find_node()), "--link", self.port, "--pubkey", images["key"],
             "--image", images["a", "1.0.0"], *map(str, options)],
            stdin=subprocess.PIPE, stdout=open(folder / "node.jsonl", "w"), text=True)
        self.log = folder / "node.jsonl"
        self.wait_for("boot")

    def events(self, name=None):
        lines = [json.loads(line) for line in self.log.read_text().splitlines(keepends=True)
                 if line.endswith("\n")]
        return [e for e in lines if name in (None, e["event"])]

    def wait_for(self, name, timeout_s=10):
        end = time.monotonic() + timeout_s
        while not self.events(name):
            assert time.monotonic() < end, f"no event {name}"
            time.sleep(0.02)

    def command(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def info(self):
        done = run(BIN / "ferry", "status", "--port", self.port, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def stop(self):
        self.command("quit")
        self.process.wait(10)


@pytest.fixture
def node(tmp_path, images, request):
    node = Node(tmp_path, images, *getattr(request, "param", ()))
    yield node
    node.stop()


class Files(http.server.BaseHTTPRequestHandler):
    """Serves server.files, in the ways that server.mode names."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, code, body=b"", **headers):
        self.send_response(code)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.write(body)

    def write(self, body):
        slow = self.server.mode == "slow"
        with contextlib.suppress(OSError):
            for at in range(0, len(body), 4096):
                self.wfile.write(body[at:at + 4096])
                self.server.sent += len(body[at:at + 4096])
                if slow:
                    time.sleep(0.05)

    def do_GET(self):
        server, mode = self.server, self.server.mode
        path = self.path.split("?")[0]
        server.requests.append((self.path, self.headers.get("Range"), self.headers.get("Authorization")))
        if mode == "unavailable-twice" and len(server.requests) <= 2:
            return self.reply(503)
        if mode == "loop":
            return self.reply(302, Location=self.path + "x")
        if mode == "to-http":
            return self.reply(302, Location="http://192.0.2.1/app.img")
        if path.startswith("/moved"):
            return self.reply(302, Location=path.removeprefix("/moved"))
        if path not in server.files:
            return self.reply(404, b"no")
        body = server.files[path]
        tag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        if mode == "changing" and sum(r[1] is not None for r in server.requests) == 1:
            tag = '"another"' if self.headers.get("Range") else tag
        if mode == "forgetful" and self.headers.get("Range") and not server.forgot:
            server.forgot, tag, body = True, None, bytes(len(body))
        self.range_reply(body, tag)

    def range_reply(self, body, tag):
        mode = self.server.mode
        wanted = self.headers.get("Range")
        if wanted is None or mode == "no-range":
            if mode in ("truncated", "changing", "wrong-range", "forgetful"):  # so that a range is asked for
                self.close_connection = True
                return self.reply(200, body[:len(body) // 2], ETag=tag, Content_Length=str(len(body)))
            return self.reply(200, body, ETag=tag)
        first = int(wanted.removeprefix("bytes=").split("-")[0])
        if mode == "wrong-range":
            first = max(first - 7, 0)
        if first >= len(body):
            return self.reply(416)
        part = body[first:]
        headers = {"ETag": tag, "Content_Range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
        if mode == "truncated" and len(part) > 9000:
            self.close_connection = True
            return self.reply(206, part[:9000], Content_Length=str(len(part)), **headers)
        return self.reply(206, part, **headers)


@pytest.fixture
def server(images):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.daemon_threads = True
    server.mode, server.requests, server.sent, server.forgot = "", [], 0, False
    server.files = {f"/{slot}.img": images[slot, "2.0.0"].read_bytes() for slot in "ab"}
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def write_config(folder, node, url, **keys):
    lines = {"port": node.port, "source": "http", "url": url, "confirm_s": 20, "retries": 3, **keys}
    config = folder / "gateway.conf"
    config.write_text("[node n]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items()))
    return config


def gateway(folder, node, url, **keys):
    return run(BIN / "ferry-gateway", "--once", "--log-level", "debug", "--config",
               write_config(folder, node, url, **keys))


def both(server, prefix=""):
    return f"{server.url}{prefix}/a.img {server.url}{prefix}/b.img"


def assert_updated(node, done, version="2.0.0"):
    assert done.returncode == 0, done.stderr
    info = node.info()
    assert (info["running"], info["confirmed"], info["update"]["phase"]) == ("B", "B", "none")
    assert info["slots"][1]["version"] == version


def assert_untouched(node, done):
    assert done.returncode == 1, done.stderr
    assert node.info()["running"] == "A"
    assert node.events()[-1]["erases"] == 0


# --- servers ------------------------------------------------------------------------------------

def test_plain(tmp_path, node, server):
    assert_updated(node, gateway(tmp_path, node, both(server)))
    assert node.events()[-1]["erases"] == 1


def test_nothing_to_do(tmp_path, node, server, images):
    server.files = {f"/{slot}.img": images[slot, "1.0.0"].read_bytes() for slot in "ab"}
    done = gateway(tmp_path, node, both(server))
    assert done.returncode == 0, done.stderr
    assert node.events()[-1]["erases"] == 0


@pytest.mark.parametrize("mode", ["no-range", "slow", "unavailable-twice", "truncated", "changing", "forgetful"])
def test_odd_but_usable(tmp_path, node, server, mode):
    server.mode = mode
    done = gateway(tmp_path, node, both(server))
    assert_updated(node, done)
    assert ("changed meanwhile" in done.stderr) == (mode in ("changing", "forgetful"))
    assert "IMAGE_HASH" not in done.stderr


def test_redirect(tmp_path, node, server):
    assert_updated(node, gateway(tmp_path, node, both(server, "/moved")))


@pytest.mark.parametrize("mode", ["loop", "to-http"])
def test_refused(tmp_path, node, server, mode):
    server.mode = mode
    assert_untouched(node, gateway(tmp_path, node, both(server)))
    assert len(server.requests) < 20


def test_another_range_is_never_mixed_in(tmp_path, node, server):
    server.mode = "wrong-range"
    done = gateway(tmp_path, node, both(server))
    assert done.returncode == 1 and "another range" in done.stderr
    assert node.info()["running"] == "A"


def test_not_found_is_final(tmp_path, node, server):
    server.files = {}
    assert_untouched(node, gateway(tmp_path, node, both(server)))
    assert len(server.requests) == 1


def test_no_server(tmp_path, node):
    done = gateway(tmp_path, node, "http://127.0.0.1:9/a.img", retries=1)
    assert_untouched(node, done)


def test_file_that_is_no_image(tmp_path, node, server):
    server.files = {"/a.img": b"x" * 5000, "/b.img": b""}
    assert_untouched(node, gateway(tmp_path, node, both(server)))


def test_file_cut_short_at_the_server(tmp_path, node, server):
    server.files["/b.img"] = server.files["/b.img"][:-40]
    assert_untouched(node, gateway(tmp_path, node, both(server), retries=1))


def test_wrong_content_is_refused_by_the_node(tmp_path, node, server):
    body = bytearray(server.files["/b.img"])
    body[40000] ^= 1
    server.files["/b.img"] = bytes(body)
    done = gateway(tmp_path, node, both(server))
    assert done.returncode == 1
    assert node.info()["running"] == "A"
    assert "IMAGE_HASH" in done.stderr


def test_only_the_wrong_slot(tmp_path, node, server):
    assert_untouched(node, gateway(tmp_path, node, f"{server.url}/a.img"))


def test_another_node(tmp_path, node, server):
    assert_untouched(node, gateway(tmp_path, node, both(server), uid="ff" * 12))
    assert_untouched(node, gateway(tmp_path, node, both(server), board="another_board"))
    assert_updated(node, gateway(tmp_path, node, both(server), uid=UID, board=BOARD))


def test_token_stays_with_its_server(tmp_path, node, server, images):
    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    other.mode, other.requests, other.sent, other.files = "", [], 0, server.files
    threading.Thread(target=other.serve_forever, daemon=True).start()
    server.files = {}
    server.mode = ""
    moved = f"http://127.0.0.1:{other.server_address[1]}"
    original = Files.do_GET

    def redirect(self):
        if self.server is server:
            server.requests.append((self.path, None, self.headers.get("Authorization")))
            return self.reply(302, Location=moved + self.path)
        return original(self)

    Files.do_GET = redirect
    try:
        done = gateway(tmp_path, node, both(server), token="sEcReT")
    finally:
        Files.do_GET = original
        other.shutdown()
        other.server_close()
    assert_updated(node, done)
    assert {r[2] for r in server.requests} == {"Bearer sEcReT"}
    assert {r[2] for r in other.requests} == {None}
    assert "sEcReT" not in done.stderr


def test_simple_endpoints(tmp_path, node, server):
    server.files = {"/version": str(2 << 24).encode(), "/firmware": server.files["/b.img"]}
    assert_updated(node, gateway(tmp_path, node, f"{server.url}/firmware"))
    assert any("current_bank=0" in r[0] for r in server.requests)
    before = len(server.requests)
    assert gateway(tmp_path, node, f"{server.url}/firmware").returncode == 0
    assert len(server.requests) == before + 1  # /version said enough


# --- TLS ----------------------------------------------------------------------------------------

@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Two authorities; each signed a server's certificate, for this machine and for another one."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*words):
        done = run("openssl", *words)
        assert done.returncode == 0, done.stderr

    for name in ("ours", "theirs"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-subj", f"/CN={name}")
    for name, subject in (("here", "IP:127.0.0.1"), ("elsewhere", "DNS:elsewhere.example")):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr")
        (folder / "extensions").write_text(f"subjectAltName = {subject}\n")
        openssl("x509", "-req", "-in", folder / f"{name}.csr", "-CA", folder / "ours.pem", "-CAkey",
                folder / "ours.key", "-CAcreateserial", "-days", "2", "-extfile", folder / "extensions",
                "-out", folder / f"{name}.pem")
    return folder


@pytest.mark.parametrize("certificate, authority, message", [
    ("here", "ours", None),
    ("here", "theirs", "certificate"),
    ("elsewhere", "ours", "127.0.0.1"),
])
def test_tls(tmp_path, node, server, certificates, certificate, authority, message):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{certificate}.pem", certificates / f"{certificate}.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    server.url = server.url.replace("http:", "https:")
    done = gateway(tmp_path, node, both(server), ca_file=certificates / f"{authority}.pem", token="sEcReT")
    if message is None:
        assert_updated(node, done)
    else:
        assert_untouched(node, done)
        assert message in done.stderr and server.requests == []
        assert done.stderr.count("SSL") == 1  # a certificate does not heal within a minute


# --- nodes --------------------------------------------------------------------------------------

def test_power_cut_resumes(tmp_path, node, server):
    server.mode = "slow"
    config = write_config(tmp_path, node, both(server))
    process = subprocess.Popen([str(BIN / "ferry-gateway"), "--once", "--config", str(config)],
                               stderr=subprocess.PIPE, text=True)
    time.sleep(1.2)
    node.command("cut")
    _, log = process.communicate(timeout=60)
    assert_updated(node, subprocess.CompletedProcess([], process.returncode, "", log))
    assert "from byte 0 on" in log and log.count("the node takes") == 2
    assert node.events()[-1]["received"] < 70700 + 14000


def test_gateway_restart_resumes(tmp_path, node, server):
    server.mode = "slow"
    config = write_config(tmp_path, node, both(server))
    process = subprocess.Popen([str(BIN / "ferry-gateway"), "--config", str(config)],
                               stderr=subprocess.PIPE, text=True)
    time.sleep(1.2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=5)
    assert process.returncode == 0
    assert node.info()["update"]["durable"] > 0
    assert_updated(node, gateway(tmp_path, node, both(server)))
    assert node.events()[-1]["erases"] == 1


@pytest.mark.parametrize("node", [("--confirm-ms", 0, "--trial-ms", 300)], indirect=True)
def test_no_confirmation_is_a_failure(tmp_path, node, server):
    done = gateway(tmp_path, node, both(server))
    assert done.returncode == 1
    assert "TRIAL_EXHAUSTED" in done.stderr
    assert node.info()["running"] == "A"
    erases = node.events()[-1]["erases"]
    assert gateway(tmp_path, node, both(server)).returncode == 1  # the node still remembers it
    assert node.events()[-1]["erases"] == erases


@pytest.mark.parametrize("node", [("--erase-ms", 1500)], indirect=True)
def test_deaf_while_erasing(tmp_path, node, server):
    assert_updated(node, gateway(tmp_path, node, both(server), bootloader="true"))
    last = node.events()[-1]
    assert last["lost"] == 0
    assert last["received"] < 70700 * 1.05 + 2000


def test_stuck_node_does_not_delay_another(tmp_path, node, server):
    master, slave = os.openpty()
    config = write_config(tmp_path, node, both(server))
    config.write_text(config.read_text() +
                      f"[node stuck]\nport = {os.ttyname(slave)}\nsource = http\nurl = {both(server)}\n"
                      "retries = 0\n")
    begin = time.monotonic()
    process = subprocess.Popen([str(BIN / "ferry-gateway"), "--config", str(config)],
                               stderr=subprocess.PIPE, text=True)
    node.wait_for("confirmed", 30)
    assert time.monotonic() - begin < 8
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=5)
    os.close(master)
    os.close(slave)


# --- ferry send -----------------------------------------------------------------------------------

def test_send(node, images):
    done = run(BIN / "ferry", "send", "--port", node.port, images["a", "2.0.0"], images["b", "2.0.0"])
    assert_updated(node, done)
    assert "100 %" in done.stdout and "\r" not in done.stdout


def test_send_interrupted_then_resumed(node, images):
    command = [str(BIN / "ferry"), "send", "--port", str(node.port), str(images["b", "2.0.0"])]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 5
    while node.events()[-1]["erases"] == 0 and time.monotonic() < end:
        time.sleep(0.05)
        if process.poll() is not None:
            break
        if time.monotonic() > end - 4.6:
            process.send_signal(signal.SIGINT)
            break
    _, error = process.communicate(timeout=20)
    assert process.returncode == 130, error
    info = node.info()["update"]
    assert (info["phase"], info["open"]) == ("filling", False)
    assert_updated(node, run(*command))


def test_send_locks_the_port(node, images):
    command = [str(BIN / "ferry"), "send", "--port", str(node.port), str(images["b", "2.0.0"])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    done = run(BIN / "ferry", "status", "--port", node.port)
    assert done.returncode == 1 and "in use by another program" in done.stderr
    process.wait(30)


def test_send_wrong_ports(tmp_path, images):
    done = run(BIN / "ferry", "send", "--port", tmp_path / "none", images["b", "2.0.0"])
    assert done.returncode == 1 and "no such port" in done.stderr
    done = run(BIN / "ferry", "status", "--port", "/dev/null")
    assert done.returncode == 1 and "not a serial port" in done.stderr
    assert run(BIN / "ferry", "send", images["b", "2.0.0"]).returncode == 2
    assert run(BIN / "ferry", "send", "--port", "/dev/null").returncode == 2


def test_confirm_and_revert(tmp_path, images):
    folder = tmp_path / "slow"
    folder.mkdir()
    node = Node(folder, images, "--confirm-ms", 0, "--trial-ms", 60000)
    try:
        for command, running in (("revert", "A"), ("confirm", "B")):
            done = run(BIN / "ferry", "send", "--port", node.port, "--wait-confirm", "0",
                       images["b", "2.0.0"])
            assert done.returncode == 0, done.stderr
            node.wait_for("trial")
            time.sleep(1)
            done = run(BIN / "ferry", command, "--port", node.port)
            assert done.returncode == 0, done.stderr
            assert run(BIN / "ferry", "reset", "--port", node.port).returncode == 0
            time.sleep(1)
            assert node.info()["running"] == running
        assert "trial started" in run(BIN / "ferry", "log", "--port", node.port).stdout
    finally:
        node.stop()


def test_log_for_people(tmp_path, node, server):
    """A node that comes back is named; nothing to do at --once is said; one node is no plural."""
    server.mode = "slow"
    config = write_config(tmp_path, node, both(server))
    process = subprocess.Popen([str(BIN / "ferry-gateway"), "--once", "--config", str(config)],
                               stderr=subprocess.PIPE, text=True)
    time.sleep(1.2)
    node.command("cut")
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0 and "the node restarted" in log and "1 node\n" in log
    done = gateway(tmp_path, node, both(server))
    assert done.returncode == 0 and "up to date" in done.stderr


def test_answers_again(tmp_path, node, server, images):
    server.files = {f"/{slot}.img": images[slot, "1.0.0"].read_bytes() for slot in "ab"}
    hidden = node.port.with_name("hidden")
    log = tmp_path / "gateway.log"
    config = write_config(tmp_path, node, both(server), poll_s=4)  # the port is free between two polls
    with open(log, "w") as out:
        process = subprocess.Popen([str(BIN / "ferry-gateway"), "--config", str(config)], stderr=out)
    for words, action in (("answers, running", lambda: node.port.rename(hidden)),
                          ("no such port", lambda: hidden.rename(node.port)),
                          ("answers again, running", lambda: process.send_signal(signal.SIGTERM))):
        end = time.monotonic() + 10
        while words not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        time.sleep(0.5)
        action()
    assert process.wait(5) == 0


def test_confirmed_release_is_not_sent_again(tmp_path, node, server):
    log = tmp_path / "gateway.log"
    config = write_config(tmp_path, node, both(server), poll_s=1)
    with open(log, "w") as out:
        process = subprocess.Popen([str(BIN / "ferry-gateway"), "--log-level", "debug", "--config", str(config)],
                                   stderr=out)
    node.wait_for("confirmed", 30)
    polls, end = 0, time.monotonic() + 30
    while polls < 4:  # rounds after the one that sent it
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)
        polls = log.read_text().count("2.0.0 runs already")
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert log.read_text().count("the node takes 2.0.0") == 1, log.read_text()
    assert node.events()[-1]["erases"] == 1 and node.info()["running"] == "B"
