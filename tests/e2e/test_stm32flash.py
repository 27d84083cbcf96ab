"""ST's boot loader on the virtual board, spoken to by a program that others wrote: stm32flash 0.7.

A pseudo-terminal has no parity (Linux strips PARENB), and stm32flash checks what it set: hence
"-m 8n1". The virtual wire carries even parity all the same.
"""
import os
import select
import shutil
import subprocess
import termios

import pytest

from lab import BIN, Board, LabError, wait_for

STM32FLASH = shutil.which("stm32flash")
if not STM32FLASH and not os.environ.get("FERRY_NO_SKIP"):
    pytest.skip("stm32flash is not installed (tools/setup)", allow_module_level=True)

FLASH = 0x08000000
BOARDS = {  # board: name that stm32flash gives the chip, erased page and its size, pty option
    "stm32f411_blackpill": ("STM32F411xx", 0x431, 0x4000, "--uart"),
    "stm32f407_discovery": ("STM32F40xxx/41xxx", 0x413, 0x4000, "--rom-uart"),
    "nucleo_l432kc": ("STM32L43xxx/44xxx", 0x435, 0x800, "--uart"),
}
I2C = {  # board: address, version of the protocol
    "stm32f411_blackpill": (0x39, 0x11),
    "stm32f407_discovery": (0x3A, 0x10),
    "nucleo_l432kc": (0x48, 0x12),
}
WAYS = [(name, bus) for bus in ("uart", "i2c") for name in BOARDS]


def program():
    """Vectors and code for any Cortex-M4: write 0x600D to the start of RAM, then sleep."""
    code = bytes.fromhex("00400020" "09000008"  # stack 0x20004000, reset 0x08000008
                         "02480349" "016030bf" "fde700bf" "00000020" "0d600000")
    return code + bytes((i * 7 + i // 256) & 0xFF for i in range(20000 - len(code)))


class RomBoard:
    """The board with BOOT0 high, and the path of the boot loader's serial port, or its I2C bus."""

    def __init__(self, folder, name, *options, bus="uart"):
        self.name, self.bus = name, bus
        self.blank = folder / "blank.bin"
        self.blank.write_bytes(b"\xff" * 16)
        self.rom_port = folder / "rom"
        extra = [] if BOARDS[name][3] == "--uart" else ["--rom-uart", f"pty:{self.rom_port}"]
        self.board = Board(folder, f"{self.blank}@{FLASH:#x}", board=name, speed=20,
                           options=["--boot0", *extra, *options])
        self.port = self.rom_port if extra else self.board.port
        wait_for("ST's boot loader listens", lambda: self.board.command("rom")["ready"], 10)

    def stm32flash(self, *arguments, check=True):
        where = ["-b", "115200", "-m", "8n1"] if self.bus == "uart" else ["-a", hex(I2C[self.name][0])]
        done = subprocess.run([STM32FLASH, *where, *map(str, arguments),
                               self.port if self.bus == "uart" else "/dev/i2c-1"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              env=self.board.env if self.bus == "i2c" else None)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def boot(self, boot0):
        self.board.command("pin", pin="BOOT0", level=boot0)
        self.board.command("reset")


@pytest.fixture(params=WAYS, ids="-".join)
def rom(request, tmp_path):
    name, bus = request.param
    rom = RomBoard(tmp_path, name, bus=bus)
    try:
        yield rom
    finally:
        rom.board.stop()


def ran(board):
    """Did the program come to its end? It sleeps in flash, and nothing faulted."""
    status = board.command("status")
    return status["sleeping"] and int(status["pc"], 16) & 0xFF000000 == FLASH and not board.events("fault")


def test_info_write_verify_read_erase_go(rom, tmp_path):
    name, pid, page, _ = BOARDS[rom.name]
    firmware, back = tmp_path / "firmware.bin", tmp_path / "back.bin"
    firmware.write_bytes(program())
    info = rom.stm32flash().stdout
    version = 0x31 if rom.bus == "uart" else I2C[rom.name][1]
    assert name in info and f"0x{pid:04x}" in info and f"Version      : {version:#x}" in info
    rom.stm32flash("-w", firmware, "-v")
    assert rom.board.command("rom")["spoken_to_on"] == rom.bus
    rom.stm32flash("-r", back, "-S", f"{FLASH:#x}:{firmware.stat().st_size}")
    assert back.read_bytes() == firmware.read_bytes()
    dump = tmp_path / "dump.bin"
    rom.board.command("flash_dump", file=str(dump), address=FLASH, size=firmware.stat().st_size)
    assert dump.read_bytes() == firmware.read_bytes()
    rom.stm32flash("-g", f"{FLASH:#x}")
    wait_for("the program runs after GO", lambda: ran(rom.board), 10)
    assert [e["text"] for e in rom.board.events("rom")][-1] == "go"
    rom.board.command("power_cycle")  # L432: the empty flag is from power-on
    rom.boot(boot0=0)
    wait_for("the program runs after a reset with BOOT0 low", lambda: ran(rom.board), 10)
    rom.boot(boot0=1)
    wait_for("ST's boot loader listens", lambda: rom.board.command("rom")["ready"], 10)
    rom.stm32flash("-o", "-s", "0", "-e", "1")
    rom.board.command("flash_dump", file=str(dump), address=FLASH, size=firmware.stat().st_size)
    assert dump.read_bytes() == b"\xff" * page + firmware.read_bytes()[page:]


def crc(data):
    """As the CRC unit of these chips makes it: words, most significant bit first, from all ones."""
    value = 0xFFFFFFFF
    for at in range(0, len(data), 4):
        value ^= int.from_bytes(data[at:at + 4], "little")
        for _ in range(32):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
    return value


def test_checksum_by_the_chip(tmp_path):
    """I2C protocol 1.2 has a command for it: far fewer bytes on the bus than a read."""
    rom = RomBoard(tmp_path, "nucleo_l432kc", bus="i2c")
    try:
        content = program()[:4096]
        rom.board.command("flash_load", address=FLASH, hex=content.hex())
        assert f"{crc(content):#010x}" in rom.stm32flash("-C", "-S", f"{FLASH:#x}:{len(content)}").stdout
        assert rom.board.command("counters")["i2c_from_node"] < 256
    finally:
        rom.board.stop()


def test_write_protection_is_told_by_reading_back(tmp_path):
    """stm32flash erases and writes a protected sector without an error; its verification fails."""
    rom = RomBoard(tmp_path, "stm32f411_blackpill")
    try:
        firmware = tmp_path / "firmware.bin"
        firmware.write_bytes(program()[:1024])
        bytes_ = int(rom.board.command("option_bytes")["option_bytes"], 16)
        rom.board.command("option_bytes", value=bytes_ & ~(1 << 16))
        rom.boot(boot0=1)
        wait_for("ST's boot loader listens", lambda: rom.board.command("rom")["ready"], 10)
        assert rom.stm32flash("-w", firmware, "-v", check=False).returncode != 0
        assert rom.board.command("counters")["erases"][0] == 0
    finally:
        rom.board.stop()


def test_habits_and_faults_by_control_socket(tmp_path):
    rom = RomBoard(tmp_path, "stm32f411_blackpill", "--rom-quirk", "stray-zero")
    try:
        assert rom.board.command("rom")["quirks"]["stray-zero"]
        rom.stm32flash("-o", "-s", "0", "-e", "1")
        rom.board.command("rom_quirk", quirk="no-erase-ack")
        assert rom.stm32flash("-o", "-s", "0", "-e", "1", check=False).returncode != 0
        assert rom.board.command("counters")["erases"][0] == 2  # erased, and not told
        rom.board.command("rom_quirk", quirk="no-no-erase-ack")
        rom.boot(boot0=1)
        wait_for("ST's boot loader listens", lambda: rom.board.command("rom")["ready"], 10)
        rom.stm32flash()
        rom.board.command("rom_disturb", fault="flip", mask=0x10, after=3, from_rom=False)
        assert rom.stm32flash(check=False).returncode != 0
        assert rom.board.command("rom")["disturbed"]
        with pytest.raises(LabError):
            rom.board.command("rom_disturb", fault="explode")
        with pytest.raises(LabError):
            rom.board.command("rom_quirk", quirk="no-such")
    finally:
        rom.board.stop()


def exchange(port, data, answers):
    os.write(port, data)
    got = b""
    while len(got) < answers:
        assert select.select([port], [], [], 10)[0], f"no answer to {data.hex()}"
        got += os.read(port, 16)
    return got


def test_state_file_keeps_the_protection_of_an_l4(tmp_path):
    state = ["--state", tmp_path / "state"]
    rom = RomBoard(tmp_path, "nucleo_l432kc", *state)
    port = os.open(rom.port, os.O_RDWR | os.O_NOCTTY)
    try:
        speed = termios.tcgetattr(port)
        speed[4] = speed[5] = termios.B115200
        termios.tcsetattr(port, termios.TCSANOW, speed)
        assert exchange(port, b"\x7f", 1) == b"\x79"
        assert exchange(port, b"\x63\x9c", 1) == b"\x79"
        assert exchange(port, b"\x01\x02\x04\x07", 1) == b"\x79"
    finally:
        os.close(port)
        assert rom.board.stop() == 0
    again = RomBoard(tmp_path, "nucleo_l432kc", *state)
    try:
        options = again.board.command("option_bytes")
        assert options["protected_sectors"] == [2, 3, 4]
        assert (options["rdp_level"], options["bor_level"]) == (0, 0)
    finally:
        again.board.stop()


def test_unknown_quirk_is_refused(tmp_path):
    done = subprocess.run([BIN / "ferry-sim", "--board", "nucleo_l432kc", "--rom-quirk", "no-such"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "no-such" in done.stderr and "empty-check" in done.stderr
