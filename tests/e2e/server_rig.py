"""The server's tests share this: the real binary, a client by http.client, images and a release.

FERRY_BIN_DIR names the folder of the programs (default: build/host/bin).
"""

import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("FERRY_BIN_DIR", ROOT / "build/host/bin"))
BOARD = "stm32f411_blackpill"
SLOTS = {"a": 0x08010000, "b": 0x08040000}
RAM_END = 0x20020000


def run(*command, **kwargs):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **kwargs)


def application(slot, size=20000, seed=1):
    """A raw binary whose vector table is right for the slot; the rest is noise."""
    start = SLOTS[slot] + 0x200
    noise = b"".join(hashlib.sha256(b"%d %d" % (seed, i)).digest() for i in range(size // 32))
    return struct.pack("<II", RAM_END, start + 0x101) + noise


class Images:
    """Signs images with a throw-away key."""

    def __init__(self, folder, name="key"):
        self.folder = folder
        self.key = folder / f"{name}.pem"
        self.public = folder / f"{name}.pub.pem"
        assert run(BIN / "ferry", "keygen", "-o", self.key).returncode == 0

    def make(self, version, slot, seed=1):
        raw = self.folder / "app.bin"
        out = self.folder / f"{self.key.stem}-{version}-{slot}-{seed}.img"
        if not out.exists():
            raw.write_bytes(application(slot, seed=seed))
            done = run(BIN / "ferry", "sign", "--key", self.key, "--board", BOARD, "--slot", slot,
                       "--version", version, raw, "-o", out)
            assert done.returncode == 0, done.stderr
        return out.read_bytes()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    def is_problem(self, status, name):
        """The one form of every error."""
        assert self.status == status, (self.status, self.body)
        assert self.headers["content-type"] == "application/json"
        assert set(self.json) == {"error", "message"}
        assert self.json["error"] == name and self.json["message"]
        return True


class Server:
    def __init__(self, folder, keys, **settings):
        self.data = folder / "data"
        words = [word for key in keys for word in ("--bootstrap-key", key)]
        made = run(BIN / "ferry-server", "init", "--data", self.data, *words)
        assert made.returncode == 0, made.stderr
        self.publish_token = re.search(r"fpub_\S+", made.stdout).group()
        self.enrol_token = re.search(r"fenr_\S+", made.stdout).group()
        self.config = self.data / "server.conf"
        self.set(listen_port=0, **settings)
        self.context = None
        self.start()

    def set(self, **settings):
        text = self.config.read_text()
        for name, value in settings.items():
            text = re.sub(rf"(?m)^#?{name} = .*\n", "", text) + f"{name} = {value}\n"
        self.config.write_text(text)

    def start(self):
        self.log = []
        self.process = subprocess.Popen([BIN / "ferry-server", "--config", self.config],
                                        stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            self.log.append(json.loads(line))
            if self.log[-1]["event"] == "listening":
                break
        assert self.log and self.log[-1]["event"] == "listening", self.log
        self.port = self.log[-1]["port"]
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()

    def read_log(self):
        for line in self.process.stderr:
            self.log.append(json.loads(line))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=40)
        self.reader.join()
        return code

    def connect(self):
        if self.context:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20,
                                               context=self.context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, method, path, body=None, auth=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if auth:
            sent["Authorization"] = auth
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection = self.connect()
        try:
            connection.request(method, path, body, sent)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    # The publisher's side.
    def api(self, method, path, body=None, **headers):
        return self.ask(method, path, body, f"Bearer {self.publish_token}", **headers)

    def upload(self, image):
        return self.api("POST", "/api/v1/artifacts", image)

    def publish(self, images, version, **more):
        hashes = []
        for image in images:
            answer = self.upload(image)
            assert answer.status in (200, 201), answer.body
            hashes.append(answer.json["sha256"])
        return self.api("POST", "/api/v1/releases",
                        {"version": version, "artifacts": hashes, **more})

    # The device's side.
    def device(self, name, method="GET", path="", body=None, auth=None, **headers):
        return self.ask(method, f"/default/controller/v1/{name}{path}", body,
                        auth or f"TargetToken {self.enrol_token}", **headers)

    def config_data(self, name, **data):
        return self.device(name, "PUT", "/configData", {"mode": "merge", "data": data})

    def offer(self, name):
        """The id of the open action, or None."""
        answer = self.device(name)
        assert answer.status == 200, answer.body
        link = answer.json["_links"].get("deploymentBase")
        return re.search(r"deploymentBase/(\d+)", link["href"]).group(1) if link else None

    def feedback(self, name, action, execution, finished="none", progress=None, details=()):
        result = {"finished": finished}
        if progress:
            result["progress"] = {"cnt": progress[0], "of": progress[1]}
        status = {"execution": execution, "result": result, "details": list(details)}
        return self.device(name, "POST", f"/deploymentBase/{action}/feedback",
                           {"id": action, "time": "20260101T000000", "status": status})

    def target(self, name):
        targets = self.api("GET", "/api/v1/targets").json["targets"]
        return next(target for target in targets if target["id"] == name)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return Images(tmp_path_factory.mktemp("images"))


@pytest.fixture
def server(tmp_path, images):
    started = Server(tmp_path, [images.public])
    yield started
    assert started.stop() == 0
    # No token ever reaches the log.
    text = json.dumps(started.log)
    assert started.publish_token not in text and started.enrol_token not in text


@pytest.fixture
def release(server, images):
    """1.0.0 for both slots."""
    both = {slot: images.make("1.0.0", slot) for slot in "ab"}
    assert server.publish(both.values(), "1.0.0").status == 201
    return both
