"""The gateway's configuration file and command line."""
import pytest

from lab import BIN, TOP
from lab import run as lab_run


def run(*command):
    return lab_run(*command, check=False)


GOOD = "[node n]\nport = /dev/ttyX\nsource = http\nurl = https://example.org/a.img\n"


@pytest.mark.parametrize("text, message", [
    ("", "no [node NAME] section"),
    ("# nothing\nbaud = 9600\n", "no [node NAME] section"),
    (GOOD + "colour = red\n", ":5: unknown key colour"),
    (GOOD + "baud = fast\n", ":5: baud: should be"),
    (GOOD + "uid = 12\n", ":5: uid: should be 24"),
    (GOOD + "just a line\n", ":5: not understood"),
    ("[nodes]\nport = x\n", ":1: unknown section [nodes]"),
    ("\n[node-1]\nport = x\n", ":2: unknown section [node-1]"),
    ("[node a b]\n", ":1: [node a b]: a name has"),
    ("[node n\nport = x\n", ":1: not understood"),
    (GOOD + "[node b]\n", ":5: [node b]: port is missing"),
    (GOOD + GOOD, ":5: [node n] is there twice, first in line 1"),
    (GOOD + "baud = 9600\nbaud = 9600\n", ":6: baud is given twice, first in line 5"),
    ("baud = 9600\nbaud = 9600\n" + GOOD, ":2: baud is given twice, first in line 1"),
    (GOOD.replace("= http", "= ddi"), ":1: [node n]: source ddi needs token or token_file"),
    (GOOD + "ca_file = /nope\n", ":5: [node n]: /nope: No such file"),
    (GOOD + f"ca_file = {__file__}\n", "there is no PEM certificate in it"),
    (GOOD + "token = a\ntoken_file = b\n", ":6: [node n]: token and token_file exclude"),
    (GOOD + "board = " + "x" * 5000 + "\n", ":5: not understood"),
    ("url = http://example.org/a.img\n\n[node n]\nport = x\nsource = http\n", ":1: [node n]: url must be"),
    ("[node n]\nport = /dev/ttyX\nsource = http\n", "url is missing"),
    ("[node n]\nsource = http\nurl = https://example.org/a\n", "port is missing"),
    (GOOD + GOOD.replace("node n", "node m"), ":6: [node m]: [node n] has the same port"),
    (GOOD.replace("https", "http"), ":4: [node n]: url must be https"),
    (GOOD.replace("https", "ftp"), "url must be https"),
    (GOOD + "token_file = /nowhere/token\n", "/nowhere/token: No such file"),
    (GOOD.replace("http\n", "magic\n"), ":3: source: should be ddi or http"),
])
def test_bad_configuration(tmp_path, text, message):
    done = check_config(tmp_path, text)
    assert done.returncode == 2
    assert message in done.stderr


def check_config(folder, text):
    config = folder / "gateway.conf"
    config.write_text(text)
    return run(BIN / "ferry-gateway", "--config", config, "--check-config")


def test_two_names_of_one_port(tmp_path):
    device = tmp_path / "tty"
    device.symlink_to("/dev/null")
    text = GOOD.replace("/dev/ttyX", "/dev/null") + GOOD.replace("node n", "node m").replace("/dev/ttyX", str(device))
    assert "has the same port" in check_config(tmp_path, text).stderr


def test_good_configurations(tmp_path):
    done = check_config(tmp_path, GOOD)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/gateway.conf: 1 node, no errors\n")
    long = "https://example.org/" + "x" * 900 + ".img"
    text = (f"baud = 9600  # for all\n; a comment\n[node n]\r\n  port = /dev/ttyX\nsource=http\nbaud = 300\n"
            f"url = {long} {long} ; two\n[ node m ]\nport = /dev/ttyY\nsource = ddi\n"
            "url = https://example.org\ntoken = a#b;c\n")
    done = check_config(tmp_path, text)
    assert done.returncode == 0 and "2 nodes" in done.stdout, done.stderr


def test_example_configuration(tmp_path):
    token = tmp_path / "token"
    token.write_text("abc\n")
    text = (TOP / "gateway" / "gateway.conf.example").read_text()
    config = tmp_path / "gateway.conf"
    config.write_text(text.replace("/etc/ferry/press-1.token", str(token)))
    done = run(BIN / "ferry-gateway", "--config", config, "--check-config")
    assert done.returncode == 0, done.stderr


def test_usage():
    assert run(BIN / "ferry-gateway").returncode == 2
    assert run(BIN / "ferry-gateway", "--nonsense").returncode == 2
    assert run(BIN / "ferry-gateway", "--config", "/nowhere").returncode == 2
    assert run(BIN / "ferry-gateway", "--help").returncode == 0
    assert run(BIN / "ferry-gateway", "--version").returncode == 0
