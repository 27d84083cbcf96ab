"""The server: set-up, command line, publishing, its end, TLS, and a client that others wrote."""
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import warnings

import pytest

from server_rig import BIN, BOARD, Images, Server, images, release, run, server  # noqa: F401 (fixtures)


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
