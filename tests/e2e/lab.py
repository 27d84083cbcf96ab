"""A whole Ferry installation on this machine: virtual board, update server, gateway.

Used by tools/demo, for people, and by the end-to-end tests. Everything here is the shipped program;
verdicts come from the board's events, counters and flash, from INFO and from the server's API,
never from log text.
"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zlib

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FERRY_BUILD_DIR", TOP / "build"))
BIN = pathlib.Path(os.environ.get("FERRY_BIN_DIR", BUILD / "host" / "bin"))
BOARD = "stm32f411_blackpill"
GPIOD2 = BIN.parent / "gpiod2"  # ferry and ferry-gateway with libgpiod 2, whatever this machine has
SHIM = BIN.parent / "lib" / "libferry_bus_shim.so"
SPI, I2C = "spidev:/dev/spidev0.0@10000000", "i2c:/dev/i2c-1:0x42@400000"
NRST, BOOT0 = "gpiochip0:0", "gpiochip0:1"
# Flash of each board, as boards/<name>/board.h: slots (start, size), their sectors, journal sectors.
MAPS = {
    "stm32f411_blackpill": {"slots": {"a": (0x08010000, 0x30000), "b": (0x08040000, 0x40000)},
                            "sectors": {"a": (4, 5), "b": (6, 7)},
                            "journal": ((0x08008000, 0x4000), (0x0800C000, 0x4000))},
    "stm32f407_discovery": {"slots": {"a": (0x08020000, 0x40000), "b": (0x08060000, 0x80000)},
                            "sectors": {"a": (5, 6), "b": (7, 10)},
                            "journal": ((0x0800C000, 0x4000), (0x080E0000, 0x20000))},
    "stm32f411_single": {"slots": {"a": (0x08004000, 0x3C000)}, "sectors": {"a": (1, 5)},
                         "journal": ((0x08040000, 0x20000), (0x08060000, 0x20000))},
}
SLOTS, JOURNAL = MAPS[BOARD]["slots"], MAPS[BOARD]["journal"]


class LabError(Exception):
    """Something that the lab needs did not happen."""


def run(*command, check=True, **options):
    """Runs a program of ours; returns the finished process with its output as text."""
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(map(str, command))}\nexit {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def ferry(*arguments, programs=BIN, **options):
    return run(programs / "ferry", *arguments, **options)


def wait_for(what, condition, timeout_s, pause_s=0.05):
    """Polls `condition` until it gives something true; returns that."""
    end = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise LabError(f"waited {timeout_s} s in vain: {what}")
        time.sleep(pause_s)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Program:
    """A program of ours in the background, its output in a file."""

    def __init__(self, name, command, folder, env=None):
        self.name = name
        self.log = folder / f"{name}.log"
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, env=env)

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode


class Keys:
    """Throw-away keys and images signed with them."""

    def __init__(self, folder, board=BOARD):
        self.folder = folder
        self.board = board
        self.private = folder / "release.pem"
        self.public = folder / "release.pub.pem"
        ferry("keygen", "-o", self.private)

    def sign(self, binary, slot, version, name=None, key=None, counter="auto"):
        name = name or pathlib.Path(binary).stem.removesuffix("_" + slot)
        image = self.folder / f"{name}-{version}-{slot}.img"
        ferry("sign", "--key", key or self.private, "--board", self.board, "--slot", slot,
              "--version", version, "--security-counter", counter, binary, "-o", image)
        return image

    def sign_app(self, variant, version, key=None, counter="auto"):
        """Both images of a demo application: variant "" or "_silent", "_large", ..."""
        folder = BUILD / self.board
        return [self.sign(folder / f"demo_app{variant}_{slot}.bin", slot, version, key=key, counter=counter)
                for slot in MAPS[self.board]["slots"]]

    def provision(self, image):
        factory = self.folder / "factory.hex"
        ferry("provision", "--board", self.board, "--pubkey", self.public, "--image", image, "--dev",
              "--bootloader", BUILD / self.board / "bootloader.bin", "-o", factory)
        return factory


class Board:
    """The virtual board: ferry-sim, its control socket and its events.

    port: how the node is reached; None is the UART. SPI and I2C, and lines, go through the preload
    shim to the board's bus socket: programs have to be started with `env`.
    """

    def __init__(self, folder, factory, board=BOARD, speed=1, options=(), port=None):
        self.folder = folder
        self.map = MAPS.get(board)  # None: a chip without our bootloader
        self.uart = folder / "uart"
        self.port = port or self.uart
        self.bus_path = folder / "bus"
        self.env = {**os.environ, "FERRY_BUS_SOCKET": str(self.bus_path), "LD_PRELOAD": str(SHIM)}
        self.socket_path = folder / "control"
        self.events_path = folder / "events.jsonl"
        self.sim = Program("ferry-sim", [
            BIN / "ferry-sim", "--board", board, "--flash", factory, "--uart", f"pty:{self.uart}",
            "--bus", self.bus_path, "--control", self.socket_path, "--events", self.events_path, "--speed", speed,
            "--quiet", *options], folder)
        wait_for("the virtual board starts", lambda: self.uart.exists() and self.socket_path.exists()
                 or not self.sim.alive(), 10)
        if not self.sim.alive():
            raise LabError(self.sim.log.read_text())
        self.lock = threading.Lock()
        self.control = socket.socket(socket.AF_UNIX)
        wait_for("the control socket listens", self.connects, 10)
        self.reader = self.control.makefile("r")

    def connects(self):
        """Between bind and listen of a busy machine nobody is there yet."""
        try:
            self.control.connect(str(self.socket_path))
        except ConnectionRefusedError:
            return False
        return True

    def command(self, name, **arguments):
        with self.lock:
            self.control.sendall((json.dumps({"cmd": name, **arguments}) + "\n").encode())
            answer = json.loads(self.reader.readline())
        if not answer.get("ok"):
            raise LabError(f"{name}: {answer.get('error')}")
        return answer

    def events(self, kind=None, after=0):
        """Events from number `after` on, as dictionaries."""
        lines = self.events_path.read_text().splitlines()[after:]
        found = []
        for line in lines:
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                break  # the last line is still being written
            if kind in (None, event["event"]):
                found.append(event)
        return found

    def event_count(self):
        return len(self.events_path.read_text().splitlines())

    def erases(self, first, last):
        """Erases of sectors first..last since the board was made."""
        return sum(self.command("counters")["erases"][first:last + 1])

    def uart_bytes_in(self):
        return self.command("counters")["uart_to_node"]

    def ferry(self, *arguments, **options):
        """`ferry` as on a machine that has the board's bus and lines."""
        return ferry(*arguments, env=self.env, **options)

    def flash_hash(self, address, size):
        return self.command("flash_hash", address=address, size=size)["sha256"]

    def info(self, wait_s=10):
        """The node's own word, by `ferry status`."""
        def ask():
            done = self.ferry("status", "--port", self.port, "--json", check=False)
            if done.returncode != 0:
                return None
            info = json.loads(done.stdout)
            return {**info, "running": info["running"].lower(), "confirmed": info["confirmed"].lower()}
        return wait_for("the node answers", ask, wait_s, 0.2)

    def in_application(self):
        """Is the core in a slot's code? Seen from outside, as each question would keep a bootloader."""
        pc = int(self.command("status")["pc"], 16)
        return any(start <= pc < start + size for start, size in self.map["slots"].values())

    def settled(self, wait_s=30):
        """INFO once an application runs: the bootloader answers for a moment after each start."""
        def ask():
            wait_for("an application runs", self.in_application, wait_s)
            info = self.info()
            return info if info["running"] != "bootloader" else None
        return wait_for("an application answers", ask, wait_s, 0.5)

    def written(self, slot):
        """Bytes that were programmed into a slot since the board was made."""
        first, last = self.map["sectors"][slot]
        return 4 * sum(self.command("counters")["words_programmed"][first:last + 1])

    def stop(self):
        self.control.close()
        return self.sim.stop()


class Server:
    """The update server with its own data folder."""

    def __init__(self, folder, public_key):
        self.folder = folder / "server"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        done = run(BIN / "ferry-server", "init", "--data", self.folder, "--bootstrap-key", public_key)
        words = [line.split() for line in done.stdout.splitlines()]
        tokens = {line[0]: line[1] for line in words if len(line) > 1}
        self.publish_token, self.device_token = tokens["publish"], tokens["enrol"]
        config = self.folder / "server.conf"
        text = re.sub(r"listen_port = .*", f"listen_port = {self.port}", config.read_text())
        config.write_text(re.sub(r"poll_interval = .*", "poll_interval = 00:00:01", text))
        self.command = [BIN / "ferry-server", "--config", config]
        self.logs = folder
        self.start()

    def start(self):
        self.program = Program("ferry-server", self.command, self.logs)
        wait_for("the server answers", self.healthy, 10)

    def restart(self):
        self.stop()
        self.start()

    def healthy(self):
        try:
            return urllib.request.urlopen(self.url + "/healthz", timeout=2).status == 200
        except (urllib.error.URLError, OSError):
            return False

    def publish(self, images):
        ferry("publish", "--server", self.url, *images,
              env={**os.environ, "FERRY_TOKEN": self.publish_token})

    def api(self, path):
        request = urllib.request.Request(self.url + path,
                                         headers={"Authorization": f"Bearer {self.publish_token}"})
        return json.loads(urllib.request.urlopen(request, timeout=5).read())

    def target(self, name):
        for target in self.api("/api/v1/targets")["targets"]:
            if target["id"] == name:
                return target
        return None

    def finished(self, version, state, node="node-1", wait_s=180):
        """Waits for the server's word on the node."""
        def ask():
            target = self.target(node)
            action = target and target.get("action")
            return target if action and action["version"] == version and action["state"] == state else None
        return wait_for(f"the server hears {state} for {version}", ask, wait_s, 0.2)

    def stop(self):
        return self.program.stop()


class Gateway:
    """The Linux gateway with one node on the board's serial port."""

    def __init__(self, folder, server, port, node="node-1", keys=(), env=None, programs=BIN):
        config = folder / "gateway.conf"
        config.write_text(f"""[node {node}]
port = {port}
source = ddi
url = {server.url}
controller_id = {node}
token = {server.device_token}
poll_s = 1
""" + "".join(f"{key} = {value}\n" for key, value in keys))
        config.chmod(0o600)
        self.program = Program("ferry-gateway", [programs / "ferry-gateway", "--config", config], folder, env)

    def stop(self):
        return self.program.stop()


def slot_hash(board, slot, image=None):
    """Hash of a whole slot; with an image: does the slot hold it, byte for byte?"""
    start, size = board.map["slots"][slot]
    if image is None:
        return board.flash_hash(start, size)
    data = pathlib.Path(image).read_bytes()
    return board.flash_hash(start, len(data)) == hashlib.sha256(data).hexdigest()


def durable(board):
    """The durable offset of the winning journal record, read from the flash itself (SPEC.md, 3)."""
    best = (-1, 0)
    for address, size in board.map["journal"]:
        path = board.folder / "journal.bin"
        board.command("flash_dump", file=str(path), address=address, size=size)
        data = path.read_bytes()
        for at in range(0, size, 64):
            magic, sequence, kind = struct.unpack_from("<IIB", data, at)
            crc = struct.unpack_from("<I", data, at + 60)[0]
            if magic == 0x314A4546 and kind == 1 and zlib.crc32(data[at:at + 60]) == crc:
                best = max(best, (sequence, struct.unpack_from("<I", data, at + 20)[0]))
    return best[1]


def version_in(info, slot):
    return info["slots"]["ab".index(slot)]["version"] or ""


def is_confirmed(info, slot, version):
    """Does the node say that this version runs in this slot, confirmed?"""
    return (info["running"] == slot and info["confirmed"] == slot and
            info["update"]["phase"] == "none" and version_in(info, slot).startswith(version))


class Lab:
    """Everything together, in a folder of its own."""

    def __init__(self, folder=None, variant="", speed=1, board=BOARD, port=None, keys=()):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="ferry-lab-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.keep = folder is not None
        self.keys = Keys(self.folder, board)
        self.first = self.keys.sign_app(variant, "1.0.0")
        self.board = Board(self.folder, self.keys.provision(self.first[0]), board, speed, port=port)
        self.gateway_keys = keys
        self.server = Server(self.folder, self.keys.public)
        self.gateway = None

    def start_gateway(self):
        self.gateway = Gateway(self.folder, self.server, self.board.port, keys=self.gateway_keys,
                               env=self.board.env)

    def stop_gateway(self):
        if self.gateway:
            self.gateway.stop()
            self.gateway = None

    def close(self):
        self.stop_gateway()
        self.server.stop()
        self.board.stop()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
