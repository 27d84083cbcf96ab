"""The gateway's DDI client against a scripted server: what it asks, what it tells, and when."""
import http.server
import json
import re
import signal
import subprocess
import threading
import time

import pytest

from test_gateway_http import BIN, Node, images, node, run  # noqa: F401 (fixtures)

BASE = "/DEFAULT/controller/v1/n"
TOKEN = "sEcReT-token"


class Ddi(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, code, body=b"", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_any(self):
        state = self.server
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        state.requests.append((self.command, self.path, body))
        if self.headers.get("Authorization") != f"TargetToken {TOKEN}":
            return self.reply(401)
        path = self.path.split("?")[0]
        if self.command == "GET" and path == BASE:
            return self.reply(200, state.poll())
        if path == BASE + "/configData":
            boots = any(key.startswith("ferry.boot.") for key in body["data"])
            return self.reply(state.boot_codes.pop(0) if boots and state.boot_codes else 200, {})
        if path == BASE + "/cancelAction/8":
            return self.reply(200, {"id": "8", "cancelAction": {"stopId": "7"}})
        if path.endswith("/feedback"):
            return self.feedback(body)
        if path == BASE + "/deploymentBase/7":
            return self.reply(200, state.deployment())
        if path in state.files:
            return self.file(state.files[path])
        return self.reply(403 if path in state.denied else 404)

    do_GET = do_PUT = do_POST = handle_any

    def feedback(self, body):
        state = self.server
        if body["status"]["execution"] == "closed":
            if state.broken_feedback > 0:
                state.broken_feedback -= 1
                return self.reply(503)
            state.open = False
        return self.reply(200, {})

    def file(self, data):
        match = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not match:
            return self.reply(200, data, ETag='"x"')
        first = int(match.group(1))
        self.reply(206, data[first:], ETag='"x"', Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, images):
        super().__init__(("127.0.0.1", 0), Ddi)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.requests, self.open, self.cancel = [], True, False
        self.broken_feedback, self.mode, self.wants_config = 0, "forced", True
        self.denied, self.boot_codes = {}, []
        self.files = {f"/dl/{slot}.img": images[slot, "2.0.0"].read_bytes() for slot in "ab"}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def poll(self):
        links = {}
        if self.wants_config:
            links["configData"] = {"href": f"{self.url}{BASE}/configData"}
            self.wants_config = False
        elif self.cancel:
            links["cancelAction"] = {"href": f"{self.url}{BASE}/cancelAction/8"}
        elif self.open:
            links["deploymentBase"] = {"href": f"{self.url}{BASE}/deploymentBase/7?c=1"}
        return {"config": {"polling": {"sleep": "00:00:01"}}, "_links": links}

    def deployment(self):
        artifacts = [{"filename": name.split("/")[-1], "size": len(data), "hashes": {},
                      "_links": {"download-http": {"href": self.url + name}}}
                     for name, data in {**self.files, **self.denied}.items()]
        messages = [f["status"]["details"][0] for f in self.feedbacks() if f["status"]["details"]]
        return {"id": "7", "actionHistory": {"status": "RUNNING", "messages": messages[::-1] + [
                    "Update Server: Target retrieved update action and should start now the download."]},
                "deployment": {"download": self.mode, "update": self.mode,
                                          "chunks": [{"part": "bApp", "artifacts": artifacts}]}}

    def boots(self):
        """What was told of the boot log: one dictionary for each request."""
        told = [body["data"] for method, path, body in list(self.requests) if path == BASE + "/configData"]
        return [data for data in told if any(key.startswith("ferry.boot.") for key in data)]

    def feedbacks(self, execution=None):
        return [body for method, path, body in list(self.requests)
                if path == f"{BASE}/deploymentBase/7/feedback"
                and execution in (None, body["status"]["execution"])]


@pytest.fixture
def server(images):
    server = Server(images)
    yield server
    server.shutdown()
    server.server_close()


def write_config(folder, node, server, **keys):
    lines = {"port": node.port, "source": "ddi", "url": server.url, "token": TOKEN, "confirm_s": 20,
             "retries": 2, **keys}
    config = folder / "gateway.conf"
    config.write_text("[node n]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items()))
    return config


def gateway(folder, node, server, **keys):
    done = run(BIN / "ferry-gateway", "--once", "--log-level", "debug", "--config",
               write_config(folder, node, server, **keys))
    assert TOKEN not in done.stderr
    return done


def test_update(tmp_path, node, server):
    done = gateway(tmp_path, node, server)
    assert done.returncode == 0, done.stderr
    told = [body for method, path, body in server.requests if path == BASE + "/configData"]
    assert told[0]["mode"] == "merge"
    assert told[0]["data"]["board"] == "stm32f411_blackpill"
    assert told[0]["data"]["version"] == "1.0.0" and told[0]["data"]["slot"] == "a"
    closed = server.feedbacks("closed")
    assert len(closed) == 1 and closed[0]["status"]["result"]["finished"] == "success"
    assert server.feedbacks()[-1] == closed[0]
    assert (told[-1]["data"]["version"], told[-1]["data"]["slot"]) == ("2.0.0", "b")
    assert server.requests[-1][1] == BASE + "/configData"  # at once, not at the next poll
    progress = server.feedbacks("proceeding")[0]["status"]["result"]["progress"]
    assert progress["of"] == len(server.files["/dl/b.img"])
    assert node.info()["running"] == "B"


def test_already_installed_is_a_success(tmp_path, node, server):
    assert gateway(tmp_path, node, server).returncode == 0
    server.open = True
    assert gateway(tmp_path, node, server).returncode == 0
    assert [f["status"]["result"]["finished"] for f in server.feedbacks("closed")] == ["success"] * 2
    assert node.events()[-1]["erases"] == 1


@pytest.mark.parametrize("node", [("--confirm-ms", 0, "--trial-ms", 300)], indirect=True)
def test_revert_is_a_failure(tmp_path, node, server):
    assert gateway(tmp_path, node, server).returncode == 1
    closed = server.feedbacks("closed")
    assert len(closed) == 1
    assert closed[0]["status"]["result"]["finished"] == "failure"
    assert "TRIAL_EXHAUSTED" in closed[0]["status"]["details"][0]


def test_refusal_is_a_failure(tmp_path, node, server):
    image = bytearray(server.files["/dl/b.img"])
    image[-10] ^= 1  # in the signature
    server.files["/dl/b.img"] = bytes(image)
    assert gateway(tmp_path, node, server).returncode == 1
    assert server.feedbacks("closed")[0]["status"]["result"]["finished"] == "failure"
    assert node.events()[-1]["erases"] == 0


@pytest.mark.parametrize("key, value", [("uid", "00" * 12), ("board", "another_board")])
def test_wrong_node_is_not_mentioned_to_the_server(tmp_path, node, server, key, value):
    done = gateway(tmp_path, node, server, **{key: value})
    assert done.returncode == 1 and "than the configured one" in done.stderr
    assert server.requests == [] and server.open
    assert node.events()[-1]["erases"] == 0


def test_dead_node_leaves_the_action_open(tmp_path, node, server):
    config = write_config(tmp_path, node, server, retries=0)
    process = subprocess.Popen([str(BIN / "ferry-gateway"), "--once", "--config", str(config)],
                               stderr=subprocess.PIPE, text=True)
    while not server.feedbacks():
        time.sleep(0.02)
    node.process.send_signal(signal.SIGSTOP)
    try:
        _, log = process.communicate(timeout=30)
    finally:
        node.process.send_signal(signal.SIGCONT)
    assert process.returncode == 1 and "TIMEOUT" in log
    assert server.feedbacks("closed") == []
    last = server.feedbacks()[-1]["status"]
    assert last["execution"] == "proceeding" and "the next poll goes on" in last["details"][0]
    assert gateway(tmp_path, node, server).returncode == 0
    assert server.feedbacks("closed")[0]["status"]["result"]["finished"] == "success"


def test_denied_download_leaves_the_action_open(tmp_path, node, server):
    files, server.files = server.files, {}
    server.denied = files
    assert gateway(tmp_path, node, server).returncode == 1
    assert server.open and "HTTP 403" in server.feedbacks()[-1]["status"]["details"][0]


@pytest.mark.parametrize("node", [("--confirm-ms", 0, "--trial-ms", 400), ("--confirm-ms", 700)], indirect=True)
def test_end_of_the_trial_while_no_gateway_runs(tmp_path, node, server):
    process = subprocess.Popen(
        [str(BIN / "ferry-gateway"), "--config", str(write_config(tmp_path, node, server))])
    node.wait_for("trial")
    process.kill()
    process.wait()
    reverted = not node.process.args.count("700")
    end = time.monotonic() + 10
    while not node.events("confirmed") and [e["detail"] for e in node.events("boot")] != ["A", "A"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    erases = node.events()[-1]["erases"]
    assert gateway(tmp_path, node, server).returncode == (1 if reverted else 0)
    assert node.events()[-1]["erases"] == erases  # not sent again
    (closed,) = server.feedbacks("closed")
    assert closed["status"]["result"]["finished"] == ("failure" if reverted else "success")
    assert ("TRIAL_EXHAUSTED" in closed["status"]["details"][0]) == reverted


@pytest.mark.parametrize("node", [("--confirm-ms", 0, "--trial-ms", 300)], indirect=True)
def test_new_action_tries_again_what_was_given_up(tmp_path, node, server):
    assert gateway(tmp_path, node, server).returncode == 1
    erases = node.events()[-1]["erases"]
    server.open = True
    server.requests.clear()  # an action that nobody told anything about
    assert gateway(tmp_path, node, server).returncode == 1
    assert node.events()[-1]["erases"] > erases


def test_skip_waits(tmp_path, node, server):
    server.mode = "skip"
    assert gateway(tmp_path, node, server).returncode == 0
    assert server.feedbacks() == []


def test_cancel_is_accepted(tmp_path, node, server):
    server.cancel = True
    assert gateway(tmp_path, node, server).returncode == 0
    sent = [body for method, path, body in server.requests if path == f"{BASE}/cancelAction/8/feedback"]
    assert sent[0]["id"] == "8" and sent[0]["status"]["execution"] == "closed"
    assert node.events()[-1]["erases"] == 0


def test_wrong_token_is_final(tmp_path, node, server):
    done = gateway(tmp_path, node, server, token="other")
    assert done.returncode == 1
    assert len(server.requests) == 1


def test_end_is_told_until_it_is_heard(tmp_path, node, server):
    server.broken_feedback = 2
    process = subprocess.Popen(
        [str(BIN / "ferry-gateway"), "--config", str(write_config(tmp_path, node, server))],
        stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 30
    while server.open and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert not server.open
    closed = server.feedbacks("closed")
    assert len(closed) == 3 and all(f == closed[0] for f in closed)
    assert node.events()[-1]["erases"] == 1  # not installed again meanwhile


@pytest.mark.parametrize("poll", [b"[]", b"{", b'{"_links": 5}', b'{"_links":{"deploymentBase":{"href":"ftp://x/"}}}',
                                  b'{"_links":{"deploymentBase":{"href":"http://192.0.2.1/x"}}}', b"x" * 70000])
def test_malformed_polls(tmp_path, node, server, poll):
    server.poll = lambda: poll
    done = gateway(tmp_path, node, server)
    assert done.returncode in (0, 1)
    assert node.events()[-1]["erases"] == 0


@pytest.mark.parametrize("deployment", [{}, {"id": "7"}, {"id": "../x", "deployment": {}},
                                        {"id": "7", "deployment": {"chunks": [{"artifacts": [{}]}]}},
                                        {"id": "7", "deployment": {"chunks": 3}}])
def test_malformed_deployments(tmp_path, node, server, deployment):
    server.deployment = lambda: deployment
    assert gateway(tmp_path, node, server).returncode == 1
    assert node.events()[-1]["erases"] == 0


# --- boot log ---


def started(server):
    """Slot, version and action of each start that was told, in that order."""
    words = [value.split() for data in server.boots() for value in data.values()]
    return [(word[3], word[4], word[2]) for word in words]


def test_boots_are_told_as_attributes(tmp_path, node, server):
    assert gateway(tmp_path, node, server).returncode == 0
    assert started(server) == [("a", "1.0.0", "boot_confirmed"), ("b", "2.0.0", "start_trial")]
    for data in server.boots():  # in requests of their own, within hawkBit's limits
        assert all(re.fullmatch(r"ferry\.boot\.\d+", key) for key in data)
        assert all(len(value) < 128 for value in data.values())
    closed = next(i for i, (_, path, body) in enumerate(server.requests)
                  if path.endswith("/feedback") and body["status"]["execution"] == "closed")
    assert "ferry.boot" in json.dumps(server.requests[closed:])  # the trial's, at once


@pytest.mark.parametrize("node", [("--confirm-ms", 0, "--trial-ms", 300)], indirect=True)
def test_boots_of_a_revert(tmp_path, node, server):
    assert gateway(tmp_path, node, server).returncode == 1
    server.open = False
    assert gateway(tmp_path, node, server).returncode == 0  # a new one tells them again
    assert started(server)[-1] == ("a", "1.0.0", "boot_confirmed")
    assert "TRIAL_EXHAUSTED" in [value for data in server.boots() for value in data.values()][-1]


def polls(server):
    return sum(method == "GET" and path == BASE for method, path, _ in server.requests)


def wait_polls(server, count):
    end = time.monotonic() + 60
    while polls(server) < count:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def polling(tmp_path, node, server):
    """A gateway that polls each second and has nothing to install; to be started by a call."""
    server.open = False
    processes = []

    def start():
        processes.append(subprocess.Popen([str(BIN / "ferry-gateway"), "--config",
                                           str(write_config(tmp_path, node, server, poll_s=1))]))

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_idle_is_logged_once_per_change(server, node, polling, capfd):
    polling()
    wait_polls(server, 4)
    assert capfd.readouterr().err.count("up to date; next poll in 1 s") == 1
    server.open = True
    end = time.monotonic() + 60
    while not server.feedbacks("closed"):
        assert time.monotonic() < end
        time.sleep(0.05)
    wait_polls(server, polls(server) + 3)
    log = capfd.readouterr().err
    assert log.count("up to date; next poll in 1 s") == 1
    assert log.index("runs, confirmed") < log.index("up to date")


def test_boots_are_told_once(server, node, polling):
    polling()
    wait_polls(server, 5)
    assert len(server.boots()) == 1


@pytest.mark.parametrize("code", [503, 401, 403])
def test_boots_that_the_server_failed_to_take_are_told_again(server, node, polling, code):
    server.boot_codes = [code] * 2
    polling()
    wait_polls(server, 6)
    told = server.boots()
    assert len(told) == 3 and all(data == told[0] for data in told)


@pytest.mark.parametrize("code", [400, 404, 413, 422])
def test_boots_that_the_server_refuses_are_dropped(server, node, polling, code):
    server.boot_codes = [code] * 10
    polling()
    wait_polls(server, 5)
    assert len(server.boots()) == 1
    server.open = True  # and an update goes its way
    end = time.monotonic() + 60
    while not server.feedbacks("closed"):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert server.feedbacks("closed")[0]["status"]["result"]["finished"] == "success"
