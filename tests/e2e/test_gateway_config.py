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
    (GOOD.replace("http\n", "magic\n"), ":3: source: should be ddi, http or file"),
    (GOOD + "path = /x\n", ":5: [node n]: path is for source file"),
    (GOOD.replace("http\n", "file\n"), ":1: [node n]: path is missing"),
    (GOOD.replace("http\n", "file\n") + "path = /x\n", ":4: [node n]: url is not for source file"),
    (GOOD + "sink = rim\n", ":5: sink: should be link or rom"),
    (GOOD + "confirm = link\n", ":5: [node n]: confirm is for sink = rom only"),
    (GOOD + "nrst = dtr\n", ":5: [node n]: dtr and rts are lines for sink = rom only"),
    (GOOD + "nrst = x:1 2\n", ":5: nrst: should be CHIP:LINE"),
])
def test_bad_configuration(tmp_path, text, message):
    done = check_config(tmp_path, text)
    assert done.returncode == 2
    assert message in done.stderr


ROM = ("[node n]\nport = /dev/ttyX\nsource = file\npath = a.img\nsink = rom\nboard = b\nnrst = gpiochip0:1\n"
       "boot0 = gpiochip0:2\nconfirm = link\n")


@pytest.mark.parametrize("change, message", [
    (("", ""), None),
    (("confirm = link", "confirm = readback\nchunk = 48\ngap_ms = 2\nrom_baud = 57600\naddress = 0x08004000"), None),
    (("nrst = gpiochip0:1", "nrst = !dtr"), "confirm = link opens the port"),
    (("board = b\n", ""), ":1: [node n]: sink rom needs board"),
    (("nrst = gpiochip0:1\n", ""), ":7: [node n]: boot0 is of use with nrst only"),
    (("boot0 = gpiochip0:2\n", ""), "sink rom needs boot0"),
    (("confirm = link\n", ""), "sink rom needs confirm"),
    (("confirm = link", "confirm = maybe"), ":9: confirm: should be link or readback"),
    (("/dev/ttyX", "spidev:/dev/spidev0.0"), "over a serial port"),
    (("/dev/ttyX", "i2c:/dev/i2c-1:0x48"), ":9: [node n]: confirm = link asks the application over a serial port"),
    (("confirm = link", "confirm = link\nuid = " + "00" * 12), ":10: [node n]: uid does not fit sink = rom"),
    (("confirm = link", "confirm = link\nbootloader = true"), "bootloader does not fit sink = rom"),
    (("confirm = link", "confirm = link\nchunk = 20"), "a chunk is 16 to 256 bytes, a multiple of 16"),
    (("confirm = link", "confirm = link\nchunk = 512"), ":10: chunk: should be 16 to 256"),
    (("confirm = link", "confirm = link\nrom_baud = 921600"), ":10: rom_baud: should be 1200 to 115200"),
    (("confirm = link", "confirm = link\naddress = 0x20000000"), ":10: address: should be"),
    (("confirm = link", "confirm = link\npubkey = /nope"), "pubkey is given twice"),
    (("KEY", "/nope/key.pem"), "/nope/key.pem: No such file"),
    (("KEY", __file__), "there is no PEM public key on P-256 in it"),
    (("KEY", "KEY KEY KEY KEY KEY"), "more than 4 public keys"),
    (("STATE", "/nope/state"), "state_dir: /nope/state: No such file"),
    (("STATE", __file__), "this is no directory"),
])
def test_sink_rom(tmp_path, change, message):
    key = tmp_path / "key.pem"
    assert run(BIN / "ferry", "keygen", "-o", key).returncode == 0
    text = (ROM + "pubkey = KEY\nstate_dir = STATE\n").replace(*change)
    done = check_config(tmp_path, text.replace("KEY", str(key.with_name("key.pub.pem"))).replace("STATE", str(tmp_path)))
    assert done.returncode == (2 if message else 0), done.stderr
    assert (message or "") in done.stderr


def test_example_of_sink_rom(tmp_path):
    """The commented section of the example is a configuration, once it is switched on."""
    key = tmp_path / "key.pem"
    assert run(BIN / "ferry", "keygen", "-o", key).returncode == 0
    text = (TOP / "gateway" / "gateway.conf.example").read_text()
    section = text[text.index("# [node press-3]"):]
    lines = [line[2:] for line in section.splitlines() if line.startswith("# ") and not line.startswith("#  ")]
    text = "\n".join(lines).replace("/etc/ferry/release.pub.pem", str(key.with_name("key.pub.pem")))
    done = check_config(tmp_path, text.replace("/var/lib/ferry-gateway", str(tmp_path)))
    assert done.returncode == 0, done.stderr


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
