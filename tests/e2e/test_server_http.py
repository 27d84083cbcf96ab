"""The server as a HTTP server: ranges and validators, broken and hostile requests, events."""
import hashlib
import json
import re
import socket
import threading
import time

import pytest

from server_rig import BOARD, Server, images, release, server  # noqa: F401 (fixtures)


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
