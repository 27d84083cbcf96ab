"""The update server from outside: the real binary, driven by http.client and by swupdate.

FERRY_BIN_DIR names the folder of the programs (default: build/host/bin).
"""

import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import warnings

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


# --- set-up and command line ---


def test_init_makes_a_private_folder_and_refuses_a_second_time(tmp_path, images):
    data = tmp_path / "data"
    first = run(BIN / "ferry-server", "init", "--data", data, "--bootstrap-key", images.public)
    assert first.returncode == 0
    assert data.stat().st_mode & 0o777 == 0o700
    for path in data.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    token = re.search(r"fpub_\S+", first.stdout).group()
    assert token.encode() not in (data / "ferry.db").read_bytes()
    second = run(BIN / "ferry-server", "init", "--data", data)
    assert second.returncode == 1 and f"{data} is in use" in second.stderr
    assert "File exists" not in second.stderr


def test_init_refuses_what_is_no_public_key(tmp_path):
    bad = tmp_path / "bad.pem"
    bad.write_text("not a key")
    done = run(BIN / "ferry-server", "init", "--data", tmp_path / "d", "--bootstrap-key", bad)
    assert done.returncode == 1 and "bad.pem" in done.stderr


@pytest.mark.parametrize("words,code", [
    (["--help"], 0), (["--version"], 0), ([], 2), (["--nonsense"], 2), (["init"], 2),
    (["target", "add", "--data", "x"], 2), (["--config", "/nonexistent.conf"], 2),
])
def test_exit_codes(words, code):
    assert run(BIN / "ferry-server", *words).returncode == code


@pytest.mark.parametrize("line,text", [
    ("colour = red", "unknown key colour"),
    ("listen_port = 70000", "listen_port"),
    ("log_level = loud", "error, warn, info or debug"),
    ("poll_interval = 5:00", "HH:MM:SS"),
    ("legacy_open = maybe", "true or false"),
    ("listen_address = localhost", "numeric"),
    ("listen_address = 0.0.0.0", "loopback"),
    ("tls_cert = some.pem", "tls_key"),
    ("public_keys = missing.pem", "missing.pem"),
    ("[section]\nlog_level = info", "section"),
])
def test_check_config_names_the_fault(tmp_path, line, text):
    config = tmp_path / "server.conf"
    config.write_text(f"# comment\n{line}\n")
    done = run(BIN / "ferry-server", "--config", config, "--check-config")
    assert done.returncode == 2
    assert text in done.stderr, done.stderr


def test_check_config_names_the_line(tmp_path):
    config = tmp_path / "server.conf"
    config.write_text("listen_port = 1\n\nlisten_port = 2\n")
    done = run(BIN / "ferry-server", "--config", config, "--check-config")
    assert done.returncode == 2 and "line 3" in done.stderr and "twice" in done.stderr


def test_a_folder_serves_one_server(server):
    second = run(BIN / "ferry-server", "--config", server.config)
    assert second.returncode == 1 and "data_folder_in_use" in second.stderr
    assert f"another ferry-server uses {server.data}\"" in second.stderr and "//" not in second.stderr


@pytest.mark.parametrize("words,reason", [
    (["init"], "--data DIR is needed"), ([], "--config FILE is needed"), (["start"], "unknown command"),
])
def test_the_reason_comes_before_the_usage(words, reason):
    done = run(BIN / "ferry-server", *words)
    assert done.returncode == 2 and done.stderr.startswith(f"ferry-server: {reason}"), done.stderr


def test_state_survives_a_restart(server, release):
    server.config_data("node", board=BOARD, version="0.9.0")
    action = server.offer("node")
    assert server.stop() == 0
    leftover = server.data / "tmp" / "upload-leftover"
    leftover.write_text("half an upload")
    server.start()
    assert not leftover.exists()
    assert server.offer("node") == action


def test_what_was_answered_survives_a_kill(server, images):
    """Ten rounds: kill the server while two clients write, then look for all they were told."""
    for round_number in range(10):
        version = f"1.{round_number}.0"
        told = {}

        def work():
            try:
                answer = server.publish([images.make(version, "a")], version)
                told["release"] = answer.status
                for done in range(1000):
                    action = server.offer("node")
                    if server.feedback("node", action, "proceeding", progress=(done, 1000)).status == 200:
                        told["done"] = done
            except (OSError, http.client.HTTPException):
                pass

        server.config_data("node", board=BOARD, version="0.9.0")
        images.make(version, "a")
        worker = threading.Thread(target=work)
        worker.start()
        time.sleep(0.02 * round_number)
        server.process.kill()
        server.process.wait()
        server.reader.join()
        worker.join()
        server.start()
        versions = [r["version"] for r in server.api("GET", "/api/v1/releases").json["releases"]]
        if told.get("release") == 201:
            assert version in versions
        if "done" in told:
            assert server.target("node")["action"]["done"] >= told["done"]
        for path in (server.data / "artifacts").iterdir():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        action = server.offer("node")
        if action:
            server.feedback("node", action, "closed", "failure")


def test_health(server):
    answer = server.ask("GET", "/healthz")
    assert answer.status == 200 and answer.json["status"] == "ok"


# --- publishing ---


def test_upload_tells_what_the_image_says(server, images):
    image = images.make("1.0.0", "b")
    answer = server.upload(image)
    assert answer.status == 201
    assert answer.json == {"sha256": hashlib.sha256(image).hexdigest(), "board": BOARD, "slot": "b",
                           "version": "1.0.0", "security_counter": 0, "size": len(image)}
    stored = server.data / "artifacts" / answer.json["sha256"]
    assert stored.read_bytes() == image
    assert server.upload(image).status == 200
    assert not list((server.data / "tmp").iterdir())


def test_what_does_not_verify_is_refused_and_not_stored(server, images, tmp_path):
    image = images.make("1.0.0", "a")
    changed = bytearray(image)
    changed[5000] ^= 1
    foreign = Images(tmp_path, "foreign").make("1.0.0", "a")
    for bad, name in [(changed, "IMAGE_HASH"), (foreign, "IMAGE_KEY"), (image[:-1], "IMAGE_"),
                      (image + b"x", "IMAGE_SIZE"), (b"", "IMAGE_"), (b"x" * 100, "IMAGE_MAGIC")]:
        answer = server.upload(bytes(bad))
        assert answer.is_problem(422, "bad_image")
        assert name in answer.json["message"]
    assert not list((server.data / "artifacts").iterdir())
    assert not list((server.data / "tmp").iterdir())


def test_publishing_needs_the_publish_token(server, images):
    image = images.make("1.0.0", "a")
    for auth in [None, "Bearer wrong", f"Bearer {server.enrol_token}", "Bearer",
                 f"TargetToken {server.publish_token}"]:
        answer = server.ask("POST", "/api/v1/artifacts", image, auth)
        assert answer.is_problem(401, "no_token")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for path in ["/api/v1/releases", "/api/v1/targets", "/api/v1/events"]:
        assert server.ask("GET", path).is_problem(401, "no_token")


def test_publishing_is_idempotent_and_versions_are_immutable(server, images):
    a, b = images.make("1.0.0", "a"), images.make("1.0.0", "b")
    first = server.publish([a, b], "1.0.0", name="first")
    assert first.status == 201
    assert first.json["name"] == "first" and len(first.json["artifacts"]) == 2
    again = server.publish([a, b], "1.0.0")
    assert again.status == 200 and again.json["id"] == first.json["id"]
    other = images.make("1.0.0", "a", seed=2)
    assert server.upload(other).is_problem(409, "release_conflict")
    assert len(list((server.data / "artifacts").iterdir())) == 2


def test_a_published_version_takes_no_further_slot(server, images):
    assert server.publish([images.make("1.0.0", "a")], "1.0.0").status == 201
    other = hashlib.sha256(images.make("1.0.0", "b", seed=3)).hexdigest()
    assert server.upload(images.make("1.0.0", "b", seed=3)).status == 201
    answer = server.api("POST", "/api/v1/releases", {"version": "1.0.0", "artifacts": [other]})
    assert answer.is_problem(409, "release_conflict")


@pytest.mark.parametrize("body,status,name", [
    ("", 400, "bad_json"), ("{", 400, "bad_json"), ("[]", 400, "bad_json"),
    ('{"version":"1.0.0"} x', 400, "bad_json"), (b'{"version":"\xff"}', 400, "bad_json"),
    ("[" * 5000, 400, "bad_json"), ("{}", 400, "bad_field"),
    ('{"version":"1.0","artifacts":["%s"]}' % ("0" * 64), 400, "bad_field"),
    ('{"version":1,"artifacts":["%s"]}' % ("0" * 64), 400, "bad_field"),
    ('{"version":"1.0.0","artifacts":[]}', 400, "bad_field"),
    ('{"version":"1.0.0","artifacts":["../../etc/passwd"]}', 400, "bad_field"),
    ('{"version":"1.0.0","artifacts":[1]}', 400, "bad_field"),
    ('{"version":"1.0.0","name":"%s","artifacts":["%s"]}' % ("n" * 65, "0" * 64), 400, "bad_field"),
    ('{"version":"1.0.0","artifacts":["%s"]}' % ("0" * 64), 404, "no_artifact"),
])
def test_a_bad_release_is_refused(server, body, status, name):
    assert server.api("POST", "/api/v1/releases", body).is_problem(status, name)
    assert server.api("GET", "/api/v1/releases").json == {"releases": []}


def test_a_release_has_one_version_and_one_image_a_slot(server, images):
    one, two = images.make("1.0.0", "a"), images.make("2.0.0", "b")
    assert server.publish([one, two], "1.0.0").is_problem(422, "version_mismatch")
    same_slot = images.make("1.0.0", "a", seed=2)
    assert server.publish([one, same_slot], "1.0.0").is_problem(422, "version_mismatch")
    assert server.api("GET", "/api/v1/releases").json["releases"] == []


def test_releases_are_listed_newest_first_in_pages(server, images):
    for number in range(1, 4):
        server.publish([images.make(f"{number}.0.0", "a")], f"{number}.0.0")
    page = server.api("GET", "/api/v1/releases?limit=2").json
    assert [release["version"] for release in page["releases"]] == ["3.0.0", "2.0.0"]
    rest = server.api("GET", f"/api/v1/releases?before={page['next']}").json
    assert [release["version"] for release in rest["releases"]] == ["1.0.0"] and "next" not in rest
    assert server.api("GET", "/api/v1/releases?limit=x").is_problem(400, "bad_parameter")
    assert server.api("GET", "/api/v1/releases?limit=0").is_problem(400, "bad_parameter")


def test_the_command_line_publishes_and_lists(server, images):
    for slot in "ab":
        images.make("1.0.0", slot)
    files = [images.folder / f"key-1.0.0-{slot}-1.img" for slot in "ab"]
    url = f"http://127.0.0.1:{server.port}"
    env = {**os.environ, "FERRY_TOKEN": server.publish_token}
    done = run(BIN / "ferry", "publish", "--server", url, *files, env=env)
    assert done.returncode == 0, done.stderr
    assert "1.0.0" in done.stdout and "already there" not in done.stdout
    again = run(BIN / "ferry", "publish", "--server", url, *files, env=env)
    assert again.returncode == 0 and again.stdout.count("already there") == 3, again.stdout
    tls = run(BIN / "ferry", "publish", "--server", url.replace("http", "https"), *files, env=env)
    assert tls.returncode == 1 and "is it http?" in tls.stderr, tls.stderr
    listed = run(BIN / "ferry", "releases", "--server", url, "--token", server.publish_token)
    assert listed.returncode == 0 and "1.0.0" in listed.stdout and BOARD in listed.stdout
    parsed = run(BIN / "ferry", "releases", "--server", url, "--json", env=env)
    assert json.loads(parsed.stdout)["releases"][0]["version"] == "1.0.0"
    wrong = run(BIN / "ferry", "releases", "--server", url, "--token", "wrong")
    assert wrong.returncode == 1 and "token" in wrong.stderr
    assert run(BIN / "ferry", "publish", "--server", url, env=env).returncode == 2
    far = run(BIN / "ferry", "publish", "--server", "http://192.0.2.1", *files, env=env)
    assert far.returncode == 2 and "must be https" in far.stderr  # asked for nothing yet
    nobody = run(BIN / "ferry", "releases", "--server", "http://127.0.0.1:1", env=env)
    assert nobody.returncode == 1 and nobody.stderr


def test_the_command_line_explains_a_foreign_key(server, tmp_path):
    foreign = Images(tmp_path, "foreign")
    foreign.make("1.0.0", "a")
    done = subprocess.run(
        [BIN / "ferry", "publish", "--server", f"http://127.0.0.1:{server.port}", "--token",
         server.publish_token, tmp_path / "foreign-1.0.0-a-1.img"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 1
    assert "the server does not accept the key" in done.stdout and "public_keys" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("ferry: ")  # the progress came before it


# --- devices ---


def test_an_update_from_poll_to_installed(server, images, release):
    assert server.config_data("node-1", board=BOARD, version="0.9.0", slot="a", uid="24").status == 200
    poll = server.device("node-1").json
    assert poll["config"]["polling"]["sleep"] == "00:05:00"
    assert list(poll["_links"]) == ["deploymentBase"]
    action = server.offer("node-1")

    base = server.device("node-1", path=f"/deploymentBase/{action}?c=1").json
    assert base["id"] == action
    assert base["deployment"]["download"] == base["deployment"]["update"] == "forced"
    (chunk,) = base["deployment"]["chunks"]
    assert chunk["version"] == "1.0.0"
    assert len(chunk["artifacts"]) == 2
    for artifact in chunk["artifacts"]:
        image = release[re.search(r"-([ab])\.img$", artifact["filename"]).group(1)]
        assert artifact["size"] == len(image)
        for name in ("sha1", "md5", "sha256"):
            assert artifact["hashes"][name] == hashlib.new(name, image).hexdigest()
        assert artifact["_links"]["download"] == artifact["_links"]["download-http"]
        path = artifact["_links"]["download"]["href"].split(str(server.port), 1)[1]
        got = server.ask("GET", path, auth=f"TargetToken {server.enrol_token}")
        assert got.status == 200 and got.body == image

    assert server.feedback("node-1", action, "proceeding", progress=(3, 10)).status == 200
    state = server.target("node-1")["action"]
    assert (state["state"], state["done"], state["total"]) == ("running", 3, 10)
    assert server.offer("node-1") == action
    assert server.feedback("node-1", action, "closed", "success", details=["confirmed"]).status == 200
    assert server.offer("node-1") is None
    assert server.feedback("node-1", action, "proceeding").is_problem(410, "action_closed")
    assert server.target("node-1")["version"] == "1.0.0"
    links = server.device("node-1").json["_links"]
    assert f"installedBase/{action}" in links["installedBase"]["href"]
    installed = server.device("node-1", path=f"/installedBase/{action}").json
    assert installed["deployment"]["chunks"][0]["version"] == "1.0.0"
    assert server.device("node-1", path="/installedBase").json["id"] == action


def test_a_failed_release_is_not_offered_again_until_there_is_another(server, images, release):
    server.config_data("node", board=BOARD, version="0.9.0")
    action = server.offer("node")
    server.feedback("node", action, "closed", "failure", details=["reverted"])
    assert server.offer("node") is None
    state = server.target("node")
    assert state["version"] == "0.9.0"
    assert (state["action"]["state"], state["action"]["message"]) == ("failure", "reverted")
    server.publish([images.make("1.0.1", "a")], "1.0.1")
    assert server.offer("node") not in (None, action)


def test_a_failed_release_is_offered_again_on_request(server, images, release):
    retry = "/api/v1/targets/node/retry"
    assert server.api("POST", retry).is_problem(404, "no_target")
    server.config_data("node", board=BOARD, version="0.9.0")
    assert server.api("POST", retry).is_problem(409, "no_failure")
    for _ in range(4):  # as often as somebody asks
        first = server.offer("node")
        assert server.api("POST", retry).is_problem(409, "no_failure")
        server.feedback("node", first, "closed", "failure", details=["reverted"])
        assert server.offer("node") is None
        assert server.ask("POST", retry).is_problem(401, "no_token")
        again = server.api("POST", retry)
        assert again.status == 201 and again.json["action"]["state"] == "pending"
        assert server.offer("node") == str(again.json["action"]["id"]) != first
    server.feedback("node", server.offer("node"), "closed", "success")
    assert server.api("POST", retry).is_problem(409, "no_failure")


def test_a_client_that_restarted_sees_what_was_told(server, release):
    server.config_data("node", board=BOARD, version="0.9.0")
    path = f"/deploymentBase/{server.offer('node')}"
    assert "actionHistory" not in server.device("node", path=path).json
    history = server.device("node", path=path + "?c=1&actionHistory=10").json["actionHistory"]
    assert history["messages"] == []
    server.feedback("node", server.offer("node"), "proceeding", details=["the node takes it"])
    server.feedback("node", server.offer("node"), "proceeding", progress=(1, 2))
    history = server.device("node", path=path + "?actionHistory=10").json["actionHistory"]
    assert history == {"status": "RUNNING", "messages": ["the node takes it"]}


def test_a_release_that_never_takes_is_offered_three_times(server, release):
    for _ in range(3):
        server.config_data("node", board=BOARD, version="0.9.0")
        server.feedback("node", server.offer("node"), "closed", "success")
    server.config_data("node", board=BOARD, version="0.9.0")
    assert server.offer("node") is None


def test_closed_without_success_is_a_failure(server, release):
    server.config_data("node", board=BOARD)
    server.feedback("node", server.offer("node"), "closed", "none")
    assert server.target("node")["action"]["state"] == "failure"


def test_a_newer_release_takes_the_place_of_one_not_begun(server, images, release):
    server.config_data("node", board=BOARD, version="0.9.0")
    old = server.offer("node")
    server.publish([images.make("1.1.0", "a")], "1.1.0")
    new = server.offer("node")
    assert new != old
    assert server.device("node", path=f"/deploymentBase/{old}").is_problem(404, "no_action")
    assert server.feedback("node", old, "proceeding").is_problem(410, "action_closed")


def test_a_running_update_is_not_disturbed_by_a_newer_release(server, images, release):
    server.config_data("node", board=BOARD, version="0.9.0")
    old = server.offer("node")
    server.feedback("node", old, "proceeding")
    server.publish([images.make("1.1.0", "a")], "1.1.0")
    assert server.offer("node") == old
    server.feedback("node", old, "closed", "success")
    assert server.offer("node") not in (None, old)


def test_nothing_is_offered_to_who_runs_it_or_has_another_board(server, release):
    server.config_data("same", board=BOARD, version="1.0.0")
    server.config_data("other", board="some_board", version="0.9.0")
    for name in ("same", "other", "silent"):
        assert server.offer(name) is None
    assert "configData" in server.device("silent").json["_links"]
    report = server.device("same", "PUT", "/installedBase", {"name": "app", "version": "0.8.0"})
    assert report.status == 200
    assert server.offer("same") is not None


def test_tenants_and_names(server):
    auth = f"GatewayToken {server.enrol_token}"
    for tenant in ("DEFAULT", "default"):
        assert server.ask("GET", f"/{tenant}/controller/v1/n", auth=auth).status == 200
    assert server.ask("GET", "/other/controller/v1/n", auth=auth).is_problem(404, "not_found")
    for name in ("x" * 65, "x" * 180, "a%20b", "%3Cscript%3E", "..", "a%00"):
        answer = server.ask("GET", f"/default/controller/v1/{name}", auth=auth)
        assert answer.status in (200, 400, 404)
        if name == "a%00":  # ends the path, as for every C program
            continue
        assert answer.json["error"] in ("bad_name", "not_found")
    assert [t["id"] for t in server.api("GET", "/api/v1/targets").json["targets"]] in (["n"], ["a", "n"])


def test_target_tokens(server):
    added = run(BIN / "ferry-server", "target", "add", "own", "--data", server.data)
    assert added.returncode == 0
    token = added.stdout.split()[0]
    assert server.device("own", auth=f"TargetToken {token}").status == 200
    for auth in (f"GatewayToken {token}", "TargetToken wrong", f"Bearer {token}",
                 f"TargetToken {server.publish_token}"):
        assert server.device("own", auth=auth).is_problem(401, "no_token")
    assert server.device("unknown", auth=f"TargetToken {token}").is_problem(401, "no_token")
    again = run(BIN / "ferry-server", "target", "add", "own", "--data", server.data)
    assert again.returncode == 1 and "exists" in again.stderr
    assert run(BIN / "ferry-server", "target", "add", "a/b", "--data", server.data).returncode == 1


def test_a_renewed_token_ends_the_old_one(server):
    done = run(BIN / "ferry-server", "token", "renew", "publish", "--data", server.data)
    assert done.returncode == 0
    assert server.api("GET", "/api/v1/releases").is_problem(401, "no_token")
    server.publish_token = re.search(r"fpub_\S+", done.stdout).group()
    assert server.api("GET", "/api/v1/releases").status == 200
    assert server.device("node").status == 200
    assert run(BIN / "ferry-server", "token", "renew", "x", "--data", server.data).returncode == 1


def test_a_target_sees_its_own_actions_only(server, release):
    for name in ("one", "two"):
        server.config_data(name, board=BOARD)
    action = server.offer("one")
    assert server.device("two", path=f"/deploymentBase/{action}").is_problem(404, "no_action")
    assert server.feedback("two", action, "proceeding").is_problem(404, "no_action")
    assert server.device("two", path="/installedBase").is_problem(404, "no_action")


def test_artifacts_need_an_offer(server, release):
    server.config_data("node", board=BOARD, version="0.9.0")
    path = f"/softwaremodules/1/artifacts/{BOARD}-1.0.0-a.img"
    assert server.device("node", path=path).is_problem(404, "not_found")
    assert server.device("node", path="/installedBase/0").is_problem(404, "no_action")


def test_what_a_target_runs_is_installed_without_an_offer(server, release):
    server.config_data("node", board=BOARD, version="1.0.0")
    links = server.device("node").json["_links"]
    assert links["installedBase"]["href"].endswith("/installedBase/0")
    assert "deploymentBase" not in links
    chunk = server.device("node", path="/installedBase/0").json["deployment"]["chunks"][0]
    assert chunk["version"] == "1.0.0"
    path = f"/softwaremodules/1/artifacts/{BOARD}-1.0.0-a.img"
    assert server.device("node", path=path).status == 200


@pytest.mark.parametrize("body", [
    {}, {"data": []}, {"data": {"k": 1}}, {"data": {"k": "v" * 257}}, {"data": {"": "v"}},
    {"data": {"k" * 65: "v"}}, {"mode": "other", "data": {}}, {"mode": 1, "data": {}},
    {"data": {"version": "new"}}, {"data": {"slot": "c"}}, {"data": {"board": "<b>"}},
    {"data": {f"k{i}": "v" for i in range(65)}},
])
def test_bad_config_data(server, body):
    assert server.device("node", "PUT", "/configData", body).is_problem(400, "bad_field")


def test_config_data_modes_and_limit(server):
    def put(mode, data):
        return server.device("node", "PUT", "/configData", {"mode": mode, "data": data}).status

    assert put("merge", {f"k{i}": "v" for i in range(40)}) == 200
    assert put("merge", {f"m{i}": "v" for i in range(40)}) == 400
    assert put("replace", {f"m{i}": "v" for i in range(40)}) == 200
    assert put("remove", {f"m{i}": "v" for i in range(40)}) == 200
    assert put("merge", {f"k{i}": "v" for i in range(64)}) == 200


@pytest.mark.parametrize("body", [
    {}, {"status": 1}, {"status": {"execution": "odd"}}, {"status": {"execution": 5}},
    {"status": {"result": {"finished": "success"}}},
])
def test_bad_feedback(server, release, body):
    server.config_data("node", board=BOARD)
    action = server.offer("node")
    answer = server.device("node", "POST", f"/deploymentBase/{action}/feedback", body)
    assert answer.is_problem(400, "bad_field")


def test_odd_feedback_is_taken_with_care(server, release):
    server.config_data("node", board=BOARD)
    action = server.offer("node")
    for progress in [(-1, 5), (1e300, 5), ("x", 1), (None, None)]:
        assert server.feedback("node", action, "proceeding", progress=progress).status == 200
    long_text = "\u00e4<script>\n" * 400
    assert server.feedback("node", action, "proceeding", details=["first", long_text]).status == 200
    assert server.target("node")["action"]["message"] == long_text[:250]


# --- boot log ---

BOOT = "{} power boot_confirmed a 1.0.0 0 OK"


def boots(server, name):
    """The numbers of a target's starts, as the API lists them."""
    return [boot["number"] for boot in server.api("GET", f"/api/v1/targets/{name}").json["boots"]]


def tell_boots(server, name, *values, mode="merge"):
    data = {f"ferry.boot.{i}": value for i, value in enumerate(values)}
    return server.device(name, "PUT", "/configData", {"mode": mode, "data": data})


def test_boots_of_a_target(server):
    server.config_data("node", board=BOARD, version="1.0.0")
    assert server.api("GET", "/api/v1/targets/node").json["boots"] == []
    assert tell_boots(server, "node", BOOT.format(1),
                      "2 watchdog revert_exhausted b 2.0.0 1 TRIAL_EXHAUSTED", "3 fault listen - - 0 OK").status == 200
    target = server.api("GET", "/api/v1/targets/node").json
    assert {**target, "boots": 0} == {**server.target("node"), "boots": 0}  # as in the list, and more
    last, middle, first = target["boots"]
    assert time.time() - 60 < middle.pop("reported") <= time.time() + 1
    assert middle == {"number": 2, "reset": "watchdog", "action": "revert_exhausted", "slot": "b",
                      "version": "2.0.0", "attempts": 1, "error": "TRIAL_EXHAUSTED"}
    assert (first["number"], last["number"], last["slot"], last["version"]) == (1, 3, "", "")


def test_boots_are_idempotent_bounded_and_kept(server):
    server.config_data("node", board=BOARD)
    for first in range(1, 200, 16):
        for _ in range(2):
            assert tell_boots(server, "node", *(BOOT.format(n) for n in range(first, first + 16))).status == 200
    newest = list(range(208, 208 - 64, -1))
    assert boots(server, "node") == newest
    server.config_data("other", board=BOARD)
    assert boots(server, "other") == []
    server.stop()
    server.start()
    assert boots(server, "node") == newest


def test_boots_are_no_attributes(server):
    """They count for no limit, nobody removes them, and they leave the server asking for the rest."""
    assert tell_boots(server, "node", BOOT.format(1)).status == 200
    assert "configData" in server.device("node").json["_links"]
    assert server.config_data("node", **{f"k{i}": "v" for i in range(64)}).status == 200
    assert tell_boots(server, "node", BOOT.format(2)).status == 200
    assert tell_boots(server, "node", BOOT.format(3), mode="replace").status == 200
    assert tell_boots(server, "node", "whatever", mode="remove").status == 200
    assert boots(server, "node") == [3, 2, 1]
    assert server.device("node", "PUT", "/configData", {"mode": "merge", "data": {
        "board": BOARD, "version": "1.0.0", "ferry.boot.0": BOOT.format(4)}}).status == 200
    assert server.target("node")["board"] == BOARD and boots(server, "node") == [4, 3, 2, 1]


@pytest.mark.parametrize("value", [
    "", "1", 5, None, [], "1 power boot_confirmed a 1.0.0 0", BOOT.format(-1), BOOT.format(1 << 32), BOOT.format(1) + " ",
    "1 power boot_confirmed c 1.0.0 0 OK", "1 power boot_confirmed a x 0 OK", "1 power boot_confirmed a 1.0.0 256 OK",
    "1 <b>x</b> boot_confirmed a 1.0.0 0 OK", "1 power " + "x" * 33 + " a 1.0.0 0 OK", "1 " * 120, "x" * 256, "x" * 257,
    "1 po\twer boot_confirmed a 1.0.0 0 OK", "1 power boot_confirmed a 1.0.0 0 OK\n", "1 power boot_confirmed a 1.0.0 0 \x1b[2J",
    "1 p\u00f6wer boot_confirmed a 1.0.0 0 OK", "1 power boot_confirmed a 1.0.0 0 \u202eOK", True, {"number": 1}, 1e300,
    "1 power boot_confirmed a 1.0.0 0 <script>alert(1)</script>", "1 power boot_confirmed a 1.0.0 0 ');DROP/**/TABLE/**/boots;--",
    "1 power boot_confirmed a 1.0.0\0 0 OK",
])
def test_bad_boots(server, value):
    server.config_data("node", board=BOARD)
    assert tell_boots(server, "node", BOOT.format(1), value).is_problem(400, "bad_field")
    assert boots(server, "node") == []  # all or none


def test_boots_of_somebody_else(server):
    """A target's own token tells the starts of that target only, and nobody's token those of none."""
    tokens = {}
    for name in ("one", "two"):
        tokens[name] = run(BIN / "ferry-server", "target", "add", name, "--data", server.data).stdout.split()[0]
    body = {"data": {"ferry.boot.1": BOOT.format(1)}}
    for name, token in (("two", tokens["one"]), ("none", tokens["one"]), ("none", "wrong"), ("two", server.publish_token)):
        answer = server.device(name, "PUT", "/configData", body, auth=f"TargetToken {token}")
        assert answer.is_problem(401, "no_token")
    assert server.api("GET", "/api/v1/targets/none").is_problem(404, "no_target")
    assert boots(server, "two") == []
    assert server.device("two", "PUT", "/configData", body, auth=f"TargetToken {tokens['two']}").status == 200
    assert boots(server, "two") == [1] and boots(server, "one") == []


def test_a_flood_of_boots_does_not_grow_the_database(server):
    """Each request as many new ones as it takes: 64 stay, and the room of the others is used again."""
    def flood(first):
        for start in range(first, first + 100 * 64, 64):
            assert tell_boots(server, "node", *(BOOT.format(n) for n in range(start, start + 64))).status == 200
        server.stop()  # what SQLite has in its log, of 4 MB at most, goes to the database
        server.start()
        return (server.data / "ferry.db").stat().st_size

    before = flood(0)
    assert flood(100 * 64) <= before + 16 * 1024
    assert boots(server, "node") == list(range(200 * 64 - 1, 199 * 64 - 1, -1))


def test_a_body_of_boots_that_is_too_large(server):
    server.config_data("node", board=BOARD)
    answer = tell_boots(server, "node", *(" " * 200 for _ in range(400)))
    assert answer.is_problem(413, "too_large")
    assert boots(server, "node") == []


def test_too_many_boots_at_once(server):
    assert tell_boots(server, "node", *map(BOOT.format, range(65))).is_problem(400, "bad_field")
    assert tell_boots(server, "node", *map(BOOT.format, range(64))).status == 200
    assert len(boots(server, "node")) == 64


def test_one_target(server):
    server.config_data("node", board=BOARD)
    assert server.ask("GET", "/api/v1/targets/node").is_problem(401, "no_token")
    assert server.ask("GET", "/api/v1/targets/node", auth=f"Bearer {server.enrol_token}").is_problem(401, "no_token")
    assert server.api("GET", "/api/v1/targets/none").is_problem(404, "no_target")
    assert server.api("GET", "/api/v1/targets/" + "x" * 150).is_problem(404, "no_target")
    assert server.api("POST", "/api/v1/targets/node").is_problem(405, "method_not_allowed")


# --- downloads ---


@pytest.fixture
def download(server, release):
    server.config_data("node", board=BOARD)
    action = server.offer("node")
    base = server.device("node", path=f"/deploymentBase/{action}").json
    artifact = base["deployment"]["chunks"][0]["artifacts"][0]
    path = artifact["_links"]["download"]["href"].split(str(server.port), 1)[1]
    auth = f"TargetToken {server.enrol_token}"
    return release["a"], lambda method="GET", **headers: server.ask(method, path, auth=auth, **headers)


def test_ranges(download):
    image, get = download
    size = len(image)
    for header, first, last in [("bytes=0-99", 0, 99), ("bytes=100-", 100, size - 1),
                                ("bytes=-10", size - 10, size - 1), ("BYTES=5-5", 5, 5),
                                (f"bytes=10-{size + 50}", 10, size - 1),
                                (f"bytes=-{size + 1}", 0, size - 1)]:
        answer = get(Range=header)
        assert answer.status == 206
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert answer.body == image[first:last + 1]
    for header in (f"bytes={size}-", "bytes=-0", f"bytes={2**64 - 1}-"):
        answer = get(Range=header)
        assert answer.is_problem(416, "range_not_satisfiable")
        assert answer.headers["content-range"] == f"bytes */{size}"
    for header in ("bytes=5-1", "bytes=", "bytes=-", "bytes=x-y", "lines=0-1", "bytes=0-1,5-6",
                   f"bytes={2**70}-"):
        answer = get(Range=header)
        assert answer.status == 200 and answer.body == image


def test_validators(download):
    image, get = download
    whole = get()
    etag = whole.headers["etag"]
    assert etag == '"%s"' % hashlib.sha256(image).hexdigest()
    assert whole.headers["accept-ranges"] == "bytes"
    assert get(Range="bytes=0-9", If_Range=etag).status == 206
    assert get(Range="bytes=0-9", If_Range='"other"').body == image
    assert get(Range="bytes=0-9", If_Range="W/" + etag).status == 200
    for header in (etag, f'"x", {etag}', "W/" + etag, "*"):
        answer = get(If_None_Match=header)
        assert answer.status == 304 and answer.body == b"" and answer.headers["etag"] == etag
    assert get(If_None_Match='"x"').status == 200
    head = get("HEAD")
    assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) == len(image)


def test_simple_endpoints(server, images, release):
    bearer = {"auth": f"Bearer {server.enrol_token}"}
    assert server.ask("GET", "/version").is_problem(401, "no_token")
    assert server.ask("GET", "/firmware?current_bank=0").is_problem(401, "no_token")
    assert server.ask("GET", "/version", **bearer).body == b"%d" % (1 << 24)
    assert server.ask("GET", f"/version?board={BOARD}", **bearer).body == b"%d" % (1 << 24)
    assert server.ask("GET", "/version?board=none", **bearer).is_problem(404, "no_release")
    assert server.ask("GET", "/firmware?current_bank=0", **bearer).body == release["b"]
    assert server.ask("GET", "/firmware?current_bank=1", **bearer).body == release["a"]
    part = server.ask("GET", f"/firmware?current_bank=1&board={BOARD}", Range="bytes=0-9", **bearer)
    assert part.status == 206 and part.body == release["a"][:10]
    for query in ("", "?current_bank=2", "?current_bank=", "?current_bank=00"):
        assert server.ask("GET", "/firmware" + query, **bearer).is_problem(400, "bad_parameter")
    server.publish([images.make("1.2.3", "a")], "1.2.3")
    number = 1 << 24 | 2 << 16 | 3
    assert server.ask("GET", "/version", **bearer).body == b"%d" % number
    assert server.ask("GET", "/firmware?current_bank=0", **bearer).is_problem(404, "no_release")


def test_simple_endpoints_may_be_open(tmp_path, images):
    server = Server(tmp_path, [images.public], legacy_open="true")
    try:
        assert server.ask("GET", "/version").is_problem(404, "no_release")
        server.publish([images.make("1.0.0", "a")], "1.0.0")
        assert server.ask("GET", "/version").body == b"%d" % (1 << 24)
    finally:
        assert server.stop() == 0


# --- bad input ---


def test_unknown_paths_and_methods(server):
    for path in ("/nothing", "/api/v1", "/api/v1/releases/", "//", "/web/none.js",
                 "/web/..%2fschema.sql", "/web/../schema.sql", "/%2e%2e/%2e%2e/etc/passwd"):
        assert server.ask("GET", path).is_problem(404, "not_found")
    answer = server.ask("DELETE", "/api/v1/releases")
    assert answer.is_problem(405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert server.ask("BREW", "/").is_problem(405, "method_not_allowed")


def test_oversized_bodies(tmp_path, images):
    server = Server(tmp_path, [images.public], max_artifact_bytes=100000)
    try:
        assert server.upload(b"x" * 100001).is_problem(413, "too_large")
        body = '{"version":"' + "1" * 70000 + '"}'
        assert server.api("POST", "/api/v1/releases", body).is_problem(413, "too_large")
        # In pieces, without a length.
        answer = server.api("POST", "/api/v1/artifacts", iter([b"x" * 50000] * 4))
        assert answer.is_problem(413, "too_large")
        assert not list((server.data / "tmp").iterdir())
    finally:
        assert server.stop() == 0


def test_a_body_that_never_ends_is_cut(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as raw:
        raw.sendall(b"POST /api/v1/artifacts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        with pytest.raises(OSError):
            for _ in range(2000):
                raw.sendall(piece)
    assert server.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize("text", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x00\xff\x00\xff\r\n\r\n",
    b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10000 + b"\r\n",
    b"POST /api/v1/artifacts HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /api/v1/artifacts HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST /api/v1/artifacts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /version HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"t" * 2000 + b"\r\n\r\n",
])
def test_broken_requests_do_not_hurt(server, text):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
        try:
            raw.sendall(text)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass
        except OSError:
            pass
    assert server.ask("GET", "/healthz").status == 200


def test_an_interrupted_upload_leaves_nothing(server, images):
    image = images.make("1.0.0", "a")
    head = (f"POST /api/v1/artifacts HTTP/1.1\r\nHost: x\r\nContent-Length: {len(image)}\r\n"
            f"Authorization: Bearer {server.publish_token}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(head.encode() + image[:9000])
        time.sleep(0.3)
        assert len(list((server.data / "tmp").iterdir())) == 1
    for _ in range(100):
        if not list((server.data / "tmp").iterdir()):
            break
        time.sleep(0.05)
    assert not list((server.data / "tmp").iterdir())
    assert not list((server.data / "artifacts").iterdir())


def test_headers_that_protect(server):
    api = server.api("GET", "/api/v1/releases").headers
    assert api["cache-control"] == "no-store" and api["x-content-type-options"] == "nosniff"
    page = server.ask("GET", "/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for path in re.findall(r'(?:src|href)="(/web/[^"]+)"', page.body.decode()):
        assert server.ask("GET", path).status == 200


def test_links_follow_the_host_only_if_it_is_one(server, release):
    server.config_data("node", board=BOARD)
    link = server.device("node", Host="updates.local:99").json["_links"]["deploymentBase"]["href"]
    assert link.startswith("http://updates.local:99/default/")
    link = server.device("node", Host='x"/><script>').json["_links"]["deploymentBase"]["href"]
    assert link.startswith(f"http://127.0.0.1:{server.port}/default/")


# --- events ---


def read_events(response, wanted, events):
    """Collects events until `wanted` are there or the stream ends."""
    current = {}
    while len(events) < wanted:
        line = response.readline().decode()
        if not line:
            return
        name, _, value = line.rstrip("\n").partition(": ")
        if not line.strip():
            if "event" in current:
                events.append((current["event"], json.loads(current["data"])))
            current = {}
        else:
            current[name] = value


def test_events_tell_progress_live_and_end_with_the_server(server, release):
    server.config_data("node", board=BOARD)
    action = server.offer("node")
    connection = server.connect()
    connection.request("GET", "/api/v1/events",
                       headers={"Authorization": f"Bearer {server.publish_token}"})
    response = connection.getresponse()
    assert response.getheader("content-type") == "text/event-stream"
    assert response.readline() == b"retry: 2000\n"
    events = []
    reader = threading.Thread(target=read_events, args=(response, 100, events))
    reader.start()
    for done in range(1, 6):
        server.feedback("node", action, "proceeding", progress=(done, 5))
    for _ in range(100):
        if len(events) == 5:
            break
        time.sleep(0.05)
    assert [name for name, _ in events] == ["target"] * 5
    assert [data["action"]["done"] for _, data in events] == [1, 2, 3, 4, 5]
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 5
    reader.join(timeout=5)
    assert not reader.is_alive()


def test_watchers_are_limited(server):
    open_ones = []
    auth = {"Authorization": f"Bearer {server.publish_token}"}
    for _ in range(33):
        connection = server.connect()
        connection.request("GET", "/api/v1/events", headers=auth)
        open_ones.append((connection, connection.getresponse()))
    assert [response.status for _, response in open_ones] == [200] * 32 + [429]
    for connection, _ in open_ones:
        connection.close()


# --- end, TLS, foreign client ---


def test_sigterm_lets_a_running_upload_finish(server, images):
    image = images.make("1.0.0", "a")
    connection = server.connect()
    connection.putrequest("POST", "/api/v1/artifacts")
    connection.putheader("Content-Length", str(len(image)))
    connection.putheader("Authorization", f"Bearer {server.publish_token}")
    connection.endheaders(image[:5000])
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert server.process.poll() is None
    connection.send(image[5000:])
    assert connection.getresponse().status == 201
    assert server.stop() == 0
    assert server.log[-1]["event"] == "stopped"


def test_many_devices_at_once(server, release):
    failures = []

    def life(name):
        try:
            assert server.config_data(name, board=BOARD, version="0.9.0").status == 200
            action = server.offer(name)
            for done in range(5):
                assert server.feedback(name, action, "proceeding", progress=(done, 5)).status == 200
            assert server.feedback(name, action, "closed", "success").status == 200
        except Exception as error:  # pylint: disable=broad-except
            failures.append(repr(error))

    threads = [threading.Thread(target=life, args=(f"node-{i}",)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    targets = server.api("GET", "/api/v1/targets").json["targets"]
    assert [target["version"] for target in targets] == ["1.0.0"] * 20


@pytest.fixture
def certificate(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    cert, key = tmp_path / "cert.pem", tmp_path / "tls-key.pem"
    done = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1",
               "-addext", "subjectAltName=IP:127.0.0.1")
    assert done.returncode == 0, done.stderr
    return cert, key


def test_tls(tmp_path, images, certificate):
    cert, key = certificate
    server = Server(tmp_path, [images.public], tls_cert=cert, tls_key=key)
    server.context = ssl.create_default_context(cafile=cert)
    try:
        assert server.publish([images.make("1.0.0", "a")], "1.0.0").status == 201
        server.config_data("node", board=BOARD)
        link = server.device("node").json["_links"]["deploymentBase"]["href"]
        assert link.startswith("https://")
        env = {**os.environ, "FERRY_TOKEN": server.publish_token}
        url = f"https://127.0.0.1:{server.port}"
        good = run(BIN / "ferry", "releases", "--server", url, "--ca", cert, env=env)
        assert good.returncode == 0 and "1.0.0" in good.stdout
        bad = run(BIN / "ferry", "releases", "--server", url, env=env)
        assert bad.returncode == 1 and "certificate" in bad.stderr.lower()
        image = images.folder / "key-1.0.1-a-1.img"
        images.make("1.0.1", "a")
        words = [BIN / "ferry", "publish", "--ca", cert, image, "--server"]
        other = run(*words, f"https://localhost:{server.port}", env=env)  # not in the certificate
        assert other.returncode == 1 and "localhost" in other.stderr
        good = run(*words, f"127.0.0.1:{server.port}", env=env)  # without a scheme: https
        assert good.returncode == 0 and "1.0.1" in good.stdout, good.stderr
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, OSError)):
            with socket.create_connection(("127.0.0.1", server.port)) as raw:
                old.wrap_socket(raw)
    finally:
        assert server.stop() == 0


@pytest.mark.skipif(not shutil.which("swupdate"), reason="swupdate is not installed")
def test_swupdate_polls_identifies_and_reports(tmp_path, images, certificate):
    """A client that others wrote. It installs .swu files only, so it reports our images as failed:
    that closes the action, and the release is not offered again."""
    cert, _ = certificate  # swupdate wants one for its own images; it is never used
    server = Server(tmp_path, [images.public], poll_interval="00:00:01")
    settings = tmp_path / "swupdate.cfg"
    settings.write_text('globals : {};\n'
                        'identify : ( { name = "board"; value = "%s"; },\n'
                        '  { name = "version"; value = "0.9.0"; } );\n' % BOARD)
    try:
        server.publish([images.make("1.0.0", slot) for slot in "ab"], "1.0.0")
        client = subprocess.Popen(
            ["swupdate", "-f", settings, "-k", cert, "-u",
             f"-t default -u http://127.0.0.1:{server.port} -i swu -k {server.enrol_token} -p 1"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "TMPDIR": str(tmp_path)})
        try:
            for _ in range(150):
                time.sleep(0.1)
                targets = server.api("GET", "/api/v1/targets").json["targets"]
                if targets and (targets[0]["action"] or {}).get("state") == "failure":
                    break
            polls = sum(line.get("path", "").endswith("/swu") for line in server.log)
            time.sleep(2.5)
        finally:
            client.terminate()
            client.wait(timeout=10)
        assert [t["id"] for t in targets] == ["swu"]
        assert targets[0]["board"] == BOARD and targets[0]["version"] == "0.9.0"
        assert ".swu" in targets[0]["action"]["message"]
        assert sum(line.get("path", "").endswith("/swu") for line in server.log) > polls
        assert sum(line["event"] == "release_offered" for line in server.log) == 1
    finally:
        assert server.stop() == 0
