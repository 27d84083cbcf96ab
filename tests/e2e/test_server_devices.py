"""The server and its devices: polls, offers, tokens, feedback, and the log of their boots."""
import hashlib
import json
import re
import time

import pytest

from server_rig import BIN, BOARD, images, release, run, server  # noqa: F401 (fixtures)


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
