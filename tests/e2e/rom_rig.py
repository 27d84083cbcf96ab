"""A node that has only ST's ROM boot loader, images for it, and the gateway with `sink = rom`.

The virtual board is reached as a real one: UART by its pseudo-terminal, I2C and the lines NRST and
BOOT0 through the preload shim. Verdicts come from the board's flash, counters and core.
"""
import hashlib
import pathlib
import struct
import subprocess

from lab import BIN, BOOT0, NRST, Board, ferry, run, wait_for

FLASH = 0x08000000
# board: ROM's I2C port, erase units of the first 64 KB, board's name in images
CHIPS = {"stm32f411_blackpill": ("i2c:/dev/i2c-1:0x39@400000", [0x4000] * 4),
         "nucleo_l432kc": ("i2c:/dev/i2c-1:0x48@400000", [0x800] * 32)}
NAME = "rom_node"  # the board identity in images and configuration: the gateway's word alone counts


def program(size=20000, salt=0):
    """Vectors and code for any Cortex-M4: write 0x600D to the start of RAM, then sleep."""
    code = bytes.fromhex("00400020" "09000008"  # stack 0x20004000, reset 0x08000008
                         "02480349" "016030bf" "fde700bf" "00000020" "0d600000")
    return code + bytes((i * 7 + i // 256 + salt) & 0xFF for i in range(size - len(code)))


class Key:
    """A throw-away signing key."""

    def __init__(self, folder, name="key"):
        self.private = folder / f"{name}.pem"
        self.public = folder / f"{name}.pub.pem"
        run(BIN / "ferry", "keygen", "-o", self.private)
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", self.public, "-outform", "DER"],
                             check=True, capture_output=True).stdout
        self.hash = hashlib.sha256(der).digest()

    def sign(self, data):
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.private], input=data,
                              check=True, capture_output=True).stdout


def tlv(kind, value):
    return struct.pack("<HH", kind, len(value)) + value


def area(magic, content):
    return struct.pack("<HH", magic, 4 + len(content)) + content


def image(key, payload, version=(1, 0, 0), board=NAME, counter=0, address=FLASH):
    """A signed image as SPEC.md has it: its payload is linked to stand at `address` itself."""
    held = area(0x6908, tlv(0x50, struct.pack("<I", counter)) + tlv(0xA0, board.encode()))
    header = struct.pack("<IIHHIIBBHII", 0x96F3B83D, address, 0x200, len(held), len(payload), 0x100,
                         *version, 0, 0)
    body = header.ljust(0x200, b"\xff") + payload + held
    return body + area(0x6907, tlv(0x10, hashlib.sha256(body).digest()) + tlv(0x01, key.hash) +
                       tlv(0x22, key.sign(body)))


class RomNode:
    """The board, its gateway's folder and configuration."""

    def __init__(self, folder, name="stm32f411_blackpill", bus="uart", options=(), first=None, speed=20):
        self.folder = folder
        self.name = name
        blank = folder / "factory.bin"
        blank.write_bytes(first or b"\xff" * 16)
        self.key = Key(folder)
        self.board = Board(folder, f"{blank}@{FLASH:#x}", board=name, speed=speed, options=options)
        self.port = self.board.port if bus == "uart" else CHIPS[name][0]
        self.state = folder / "state"
        self.state.mkdir()

    def config(self, file="gateway.conf", **keys):
        lines = {"port": self.port, "sink": "rom", "nrst": NRST, "boot0": BOOT0, "board": NAME,
                 "pubkey": self.key.public, "state_dir": self.state, "confirm": "readback", "retries": 3,
                 **keys}
        config = self.folder / file
        config.write_text("[node n]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items() if v is not None))
        return config

    def command(self, **keys):
        return [str(BIN / "ferry-gateway"), "--once", "--log-level", "debug", "--config",
                str(self.config(**keys))]

    def gateway(self, **keys):
        return subprocess.run(self.command(**keys), capture_output=True, text=True, timeout=300,
                              env=self.board.env, check=False)

    def sign(self, binary, version, key=None):
        """A real program of this board; returns the image's path."""
        out = self.folder / f"{binary.stem}-{version}.img"
        ferry("sign", "--key", (key or self.key).private, "--board", self.name, "--slot", "a", "--version", version,
              "--security-counter", "auto", binary, "-o", out)
        return out

    def offer(self, content, name="app.img"):
        """Puts an image where source file finds it, as a package does: beside it, then renamed."""
        path = self.folder / name
        fresh = path.with_suffix(".new")
        fresh.write_bytes(content)
        fresh.rename(path)
        return {"source": "file", "path": path}

    def update(self, content, **keys):
        return self.gateway(**self.offer(content), **keys)

    def flash(self, size, address=FLASH):
        dump = self.folder / "dump.bin"
        self.board.command("flash_dump", file=str(dump), address=address, size=size)
        return dump.read_bytes()

    def counters(self):
        """What was done to flash: erases, words."""
        counters = self.board.command("counters")
        return sum(counters["erases"]), sum(counters["words_programmed"])

    def runs(self):
        """Does the program sleep in flash, without a fault since the last reset?"""
        status = self.board.command("status")
        return status["sleeping"] and FLASH <= int(status["pc"], 16) < FLASH + 0x100000

    def in_rom(self):
        return self.board.command("rom")["active"]

    def assert_runs(self, payload):
        assert self.flash(len(payload)) == payload
        wait_for("the program runs", self.runs, 10)
        assert not self.in_rom()

    def stop(self):
        self.board.stop()
