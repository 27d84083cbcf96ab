"""`ferry rom` against ST's boot loader on the virtual board: every part, over UART and I2C.

NRST and BOOT0 are GPIO lines of the preload shim, so the board starts as it would in the field:
its application runs, and `ferry rom` brings it into the ROM and out again. What happened is taken
from the board's flash, counters and events.
"""
import os
import pty
import signal
import struct
import subprocess
import time

import pytest

from lab import BIN, BOOT0, NRST, Board, Keys, ferry, wait_for

FLASH = 0x08000000
CHIPS = {  # board: name of the chip, flash in KB, first page, I2C address of the ROM
    "stm32f411_blackpill": ("STM32F411", 512, 0x4000, 0x39),
    "stm32f407_discovery": ("STM32F405/407", 1024, 0x4000, 0x3A),
    "nucleo_l432kc": ("STM32L43x/L44x", 256, 0x800, 0x48),
}
F411, F407, L432 = CHIPS
SIZE = 20000


def program(size=SIZE, seed=7, stack=0x20004000):
    """Vectors and code for any Cortex-M4: write 0x600D to the start of RAM, then sleep."""
    code = struct.pack("<II", stack, FLASH + 9) + bytes.fromhex("02480349016030bffde700bf000000200d600000")
    return code + bytes((i * seed + i // 256) & 0xFF for i in range(size - len(code)))


class Chip:
    """The board, and `ferry rom` with its port and lines."""

    def __init__(self, folder, name, wire, *options, flash=None, lines=True, speed=20):
        self.folder, self.name, self.wire = folder, name, wire
        first = folder / "first.bin"
        first.write_bytes(program(64) if flash is None else flash)
        rom_uart = folder / "rom"
        extra = ["--rom-uart", f"pty:{rom_uart}"] if name == F407 else []
        self.board = Board(folder, f"{first}@{FLASH:#x}", board=name, speed=speed, options=[*extra, *options])
        uart = rom_uart if extra else self.board.uart
        self.way = ["--port", uart] if wire == "uart" else ["--i2c", f"/dev/i2c-1:{CHIPS[name][3]:#x}"]
        self.lines = ["--nrst", NRST, "--boot0", BOOT0] if lines else []
        self.env = self.board.env

    def words(self, part, *arguments, way=None, lines=None):
        return [str(word) for word in (BIN / "ferry", "rom", part, *(self.way if way is None else way),
                                       *(self.lines if lines is None else lines), *arguments)]

    def rom(self, part, *arguments, code=0, timeout=60, **options):
        """Runs a part to its end; the words that it said, without line ends."""
        done = subprocess.run(self.words(part, *arguments, **options), env=self.env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout)
        said = done.stdout + done.stderr
        assert done.returncode == code, f"exit {done.returncode}\n{said}"
        return said

    def start(self, part, *arguments):
        return subprocess.Popen(self.words(part, *arguments), env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def held(self, size, address=FLASH):
        path = self.folder / "dump.bin"
        self.board.command("flash_dump", file=str(path), address=address, size=size)
        return path.read_bytes()

    def erases(self):
        return sum(self.board.command("counters")["erases"])

    def programmed(self):
        return self.board.command("counters")["bytes_programmed"]

    def runs(self):
        """Did the program come to its end? It sleeps in flash."""
        status = self.board.command("status")
        return status["sleeping"] and int(status["pc"], 16) & 0xFF000000 == FLASH

    def file(self, data, name="program.bin"):
        path = self.folder / name
        path.write_bytes(data)
        return path


@pytest.fixture
def chips(tmp_path):
    made = []

    def make(*arguments, **options):
        made.append(Chip(tmp_path, *arguments, **options))
        return made[-1]

    yield make
    for chip in made:
        chip.board.stop()


every_way = pytest.mark.parametrize("wire", ["uart", "i2c"])
every_chip = pytest.mark.parametrize("name", CHIPS)


# --- what works ---------------------------------------------------------------------------------


@every_way
@every_chip
def test_info_tells_what_it_is_and_changes_nothing(chips, name, wire):
    chip = chips(name, wire)
    before = chip.held(0x40000)
    text, kb, _, address = CHIPS[name]
    said = chip.rom("info")
    assert f"{text} (0x" in said and f"{kb} KB flash" in said
    no_stretch = wire == "i2c" and name != F407  # whose I2C protocol is 1.0
    assert f"erase(0x{0x45 if no_stretch else 0x44:X})" in said
    assert f"at 0x{address:02X}" in said or wire == "uart"
    assert "starts at 0x08000009" in said and "not protected" in said
    assert chip.held(0x40000) == before and chip.erases() == 0


@every_way
@every_chip
def test_write_verify_read_go_reset_erase(chips, name, wire):
    chip = chips(name, wire)
    page = CHIPS[name][2]
    image = chip.file(program())
    assert "read back" in chip.rom("write", image)
    assert chip.held(SIZE) == image.read_bytes()
    assert chip.erases() == -(-SIZE // page)
    said, counted = chip.rom("write", image), chip.programmed()
    assert "nothing was written" in said and chip.erases() == -(-SIZE // page)
    chip.rom("verify", image)
    assert chip.programmed() == counted
    back = chip.folder / "back.bin"
    chip.rom("read", "--size", SIZE, back)
    assert back.read_bytes() == image.read_bytes()
    chip.rom("go")
    wait_for("the program runs after GO", chip.runs, 10)
    assert [e["text"] for e in chip.board.events("rom")][-1] == "go"
    chip.rom("info")
    assert not chip.runs()
    chip.rom("reset")
    wait_for("the program runs after NRST with BOOT0 low", chip.runs, 10)
    chip.rom("erase", "--pages", "0-1")
    assert chip.held(2 * page) == b"\xff" * 2 * page
    assert f"differs at 0x{FLASH:08X}: it holds 0xFF" in chip.rom("verify", image, code=1)
    assert "no program starts there" in chip.rom("go", code=1)


@every_way
def test_read_takes_all_of_flash(chips, wire):
    chip = chips(L432, wire)
    chip.rom("read", chip.folder / "all.bin")
    assert (chip.folder / "all.bin").read_bytes() == chip.held(256 * 1024)
    chip.rom("read", "--address", "0x1FFF75E0", "--size", "2", chip.folder / "size.bin")
    assert (chip.folder / "size.bin").read_bytes() == (256).to_bytes(2, "little")
    assert "ROM_RANGE" in chip.rom("read", "--address", "0x08100000", chip.folder / "none.bin", code=1)
    assert not (chip.folder / "none.bin").exists()


@every_way
@every_chip
def test_erase_all_and_look(chips, name, wire):
    chip = chips(name, wire, speed=50)
    chip.rom("erase", "--all", *(["--no-verify"] if name != L432 else []))
    assert set(chip.held(CHIPS[name][1] * 1024)) == {0xFF}


@every_way
def test_start_after_write(chips, wire):
    chip = chips(F411, wire)
    assert "started" in chip.rom("write", "--start", chip.file(program()))
    wait_for("the program runs", chip.runs, 10)


@every_way
def test_start_of_a_chip_that_was_blank_at_power_on(chips, wire):
    """Its empty flag starts the ROM at BOOT0 low too; `--start` notices and uses GO."""
    chip = chips(L432, wire, flash=b"\xff" * 16)
    assert "no vectors" in chip.rom("info")
    chip.rom("write", "--start", chip.file(program()))
    wait_for("the program runs", chip.runs, 10)
    assert [e["text"] for e in chip.board.events("rom")][-1] == "go"
    chip.rom("reset")
    wait_for("NRST starts the ROM again", lambda: chip.board.command("rom")["ready"], 10)
    chip.board.command("power_cycle")
    wait_for("the program runs after power-on", chip.runs, 10)


def talker():
    """Writes "ready y" to the ROM's USART for ever; y is the ROM's ACK."""
    return bytes.fromhex("00400020090000080f480121c164890301664ff090400d4901604ff4ee6141620b482321c1600921016000"
                         "2204a3995c0185c1690906fcd5013212f00702f5e7726561647920790a00100240ffffebab00380140")


def test_start_of_a_program_that_talks(chips):
    """What it says is no ROM's answer: there is nobody to be started by GO."""
    chip = chips(L432, "uart")
    chip.rom("write", "--start", chip.file(talker()), timeout=120)
    status = chip.board.command("status")
    assert int(status["pc"], 16) & 0xFF000000 == FLASH and not chip.board.command("rom")["active"]


@every_way
def test_pages_that_match_are_left_alone(chips, wire):
    chip = chips(F411, wire)
    data = bytearray(program(0x9000))
    chip.rom("write", chip.file(data))
    before = chip.board.command("counters")["erases"]
    data[0x8100] ^= 0x55  # in the third sector
    chip.rom("write", chip.file(data))
    after = chip.board.command("counters")["erases"]
    assert [b - a for a, b in zip(before, after)][:4] == [1, 0, 1, 0]  # the vectors' and its own
    assert chip.held(len(data)) == bytes(data)


@every_way
def test_at_another_address(chips, wire):
    chip = chips(F411, wire)
    data = bytes(range(256)) * 5
    chip.rom("write", "--address", "0x08008000", chip.file(data))
    assert chip.held(len(data), FLASH + 0x8000) == data and chip.held(64) == program(64)
    said = chip.rom("write", "--address", "0x08008100", chip.file(data), code=1)
    assert "0x08008100 is not the start of a page" in said and "0x08008000" in said
    assert "do not fit" in chip.rom("write", "--address", "0x0807FF00", chip.file(data), code=1)


@pytest.mark.parametrize("baud, gap", [(1200, 0), (9600, 0), (57600, 0), (115200, 1)])
def test_slow_and_with_gaps(chips, baud, gap):
    chip = chips(F411, "uart", speed=50)
    data = program(600)
    chip.rom("write", "--baud", baud, "--gap-ms", gap, chip.file(data), timeout=120)
    assert chip.held(len(data)) == data


@every_way
@pytest.mark.parametrize("chunk", [16, 32, 64, 128])
def test_chunks(chips, wire, chunk):
    chip = chips(L432, wire)
    data = program(3001)
    chip.rom("write", "--chunk", chunk, chip.file(data))
    assert chip.held(len(data)) == data


def test_all_addresses_are_tried(chips):
    chip = chips(L432, "i2c")
    assert "at 0x48" in chip.rom("info", way=["--i2c", "/dev/i2c-1"])
    assert "at 0x48" in chip.rom("info", way=["--port", "i2c:/dev/i2c-1@100000"])


# --- Ferry images -------------------------------------------------------------------------------


@every_way
def test_payload_of_a_ferry_image(chips, wire, tmp_path):
    chip = chips(L432, wire)
    keys = Keys(tmp_path, L432)
    image = keys.sign(chip.file(program()), "a", "1.0.0")
    chip.rom("write", image)
    assert chip.held(SIZE) == program()
    chip.rom("verify", image)
    assert "leave --address out" in chip.rom("write", "--address", "0x08000800", image, code=1)
    data = bytearray(image.read_bytes())
    data[0x400] ^= 1
    assert "IMAGE_HASH" in chip.rom("write", chip.file(data, "damaged.img"), code=1)
    assert "IMAGE_SIZE" in chip.rom("write", chip.file(image.read_bytes()[:-1], "short.img"), code=1)


@every_way
def test_image_of_another_chip_erases_nothing(chips, wire, tmp_path):
    chip = chips(F411, wire)
    for_l432 = Keys(tmp_path, L432).sign(chip.file(program()), "a", "1.0.0")
    said = chip.rom("write", for_l432, code=1)
    assert "for nucleo_l432kc, this chip is an STM32F411" in said and "IMAGE_BOARD" in said
    (tmp_path / "own").mkdir()
    slot = struct.pack("<II", 0x20004000, FLASH + 0x10000 + 0x201) + bytes(600)
    for_slot = Keys(tmp_path / "own", F411).sign(chip.file(slot, "slot.bin"), "a", "1.0.0")
    said = chip.rom("write", for_slot, code=1)
    assert "`ferry send`" in said and "IMAGE_SLOT" in said
    assert chip.erases() == 0 and chip.programmed() == 0


def test_raw_binary_of_another_chip_erases_nothing(chips):
    chip = chips(L432, "uart")
    for_f411 = chip.file(program(stack=0x20020000))
    said = chip.rom("write", for_f411, code=1)
    assert "no program for this chip" in said and "--force" in said
    assert chip.erases() == 0
    chip.rom("write", "--force", for_f411)
    assert chip.held(SIZE) == for_f411.read_bytes()
    assert "ELF" in chip.rom("write", chip.file(b"\x7fELF" + bytes(100)), code=1)
    assert "Intel HEX" in chip.rom("write", chip.file(b":020000040800F2\n"), code=1)


# --- protection ---------------------------------------------------------------------------------


@every_way
@every_chip
def test_write_protection(chips, name, wire):
    chip = chips(name, wire)
    image = chip.file(program())
    chip.rom("protect", "--pages", "0-1")
    assert chip.board.command("option_bytes")["protected_sectors"] == [0, 1]
    said = chip.rom("write", image, code=1)
    assert "ROM_ERASE" in said and "`ferry rom unprotect`" in said and "flash is as it was" in said
    assert chip.held(64) == program(64)
    assert "ROM_ERASE" in chip.rom("erase", "--pages", "0", code=1)
    assert "the pages 0 to" in chip.rom("protect", "--pages", "0-200", code=1)
    chip.rom("unprotect")
    assert chip.board.command("option_bytes")["protected_sectors"] == []
    chip.rom("write", image)
    assert chip.held(SIZE) == program()


@every_way
@every_chip
def test_readout_protection(chips, name, wire):
    chip = chips(name, wire)
    image = chip.file(program())
    chip.rom("protect", "--readout")
    assert "protected: only" in chip.rom("info")
    for part in (["write", image], ["verify", image], ["read", chip.folder / "x"], ["erase", "--all"], ["go"]):
        said = chip.rom(*part, code=1)
        assert "ROM_PROTECTED" in said and "`ferry rom unprotect --readout`" in said
    assert "needs --yes" in chip.rom("unprotect", "--readout", code=2)
    assert chip.held(64) == program(64) and chip.erases() == 0
    chip.rom("unprotect", "--readout", "--yes")
    assert set(chip.held(CHIPS[name][1] * 1024)) == {0xFF}
    chip.rom("write", image)
    assert chip.held(SIZE) == program()


@pytest.mark.parametrize("answer, code", [("yes\n", 0), ("y\n", 1), ("\n", 1), ("no\n", 1)])
def test_readout_unprotect_asks(chips, answer, code):
    chip = chips(F411, "uart")
    chip.rom("protect", "--readout")
    master, terminal = pty.openpty()
    try:
        asked = subprocess.Popen(chip.words("unprotect", "--readout"), env=chip.env, stdin=terminal,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        os.write(master, answer.encode())
        said, _ = asked.communicate(timeout=60)
    finally:
        os.close(master)
        os.close(terminal)
    assert asked.returncode == code and "erases all" in said, said
    assert (chip.erases() > 0) == (code == 0)


# --- habits of the ROM --------------------------------------------------------------------------


@pytest.mark.parametrize("name, wire, quirk", [
    (L432, "uart", "stray-zero"), (L432, "uart", "no-erase-ack"), (L432, "i2c", "no-erase-ack"),
    (L432, "uart", "late-parameters"), (L432, "i2c", "late-parameters"), (L432, "uart", "lost-sync"),
    (L432, "i2c", "lost-sync"), (L432, "i2c", "i2c-v1.0"), (L432, "i2c", "erase-7s"), (L432, "i2c", "no-silent-wrp"),
    (F411, "uart", "no-erase-ack"), (F411, "uart", "erase-43"), (F411, "uart", "erase-7s"), (F411, "i2c", "erase-7s"),
    (F411, "i2c", "i2c-v1.0")])
def test_habits(chips, name, wire, quirk):
    chip = chips(name, wire, "--rom-quirk", quirk)
    data = program(3000)
    chip.rom("write", chip.file(data), timeout=120)
    assert chip.held(len(data)) == data
    chip.rom("erase", "--pages", "0", timeout=120)
    assert chip.held(16) == b"\xff" * 16


@pytest.mark.parametrize("most", [64, 128])
def test_masters_with_small_buffers(chips, most):
    chip = chips(L432, "i2c", "--rom-quirk", f"i2c-max-{most}")
    data = program(3000)
    said = chip.rom("write", chip.file(data), code=1, timeout=120)
    assert "try a smaller --chunk. Flash is as it was" in said, said
    assert chip.erases() == 0 and chip.programmed() == 0
    chip.rom("write", "--chunk", most // 2, chip.file(data))
    assert chip.held(len(data)) == data


# --- faults -------------------------------------------------------------------------------------


def wait_for_programming(chip, at_least):
    wait_for("the write is under way", lambda: chip.programmed() >= at_least, 30, 0.01)


@every_way
@every_chip
def test_ctrl_c_ends_in_order_and_the_same_command_goes_on(chips, name, wire):
    chip = chips(name, wire, speed=4)
    data = program(30000)
    image = chip.file(data)
    write = chip.start("write", image)
    wait_for_programming(chip, 4000)
    write.send_signal(signal.SIGINT)
    said, _ = write.communicate(timeout=20)
    assert write.returncode == 130, said
    assert "interrupted" in said and "the same command" in said
    assert chip.held(8) == b"\xff" * 8 and chip.programmed() < len(data)
    chip.rom("reset")
    chip.board.command("speed", x=20)
    assert chip.held(8) == b"\xff" * 8 and not chip.runs()
    before = chip.programmed()
    chip.rom("write", "--start", image)
    assert chip.held(len(data)) == data
    if name == L432:  # of F4 the page in work is most of the image
        assert chip.programmed() - before < len(data) - 1000
    wait_for("the program runs", chip.runs, 10)


@every_way
def test_killed_program_without_lines(chips, wire):
    """No reset: the ROM waits for the rest of a command that nobody finishes."""
    chip = chips(F411, wire, "--boot0", lines=False, speed=4)
    image = chip.file(program(30000))
    write = chip.start("write", image)
    wait_for_programming(chip, 3000)
    write.kill()
    write.communicate()
    chip.board.command("speed", x=20)
    chip.rom("write", image, timeout=120)
    assert chip.held(30000) == image.read_bytes()


@every_way
def test_power_cut_in_the_middle(chips, wire):
    """The chip comes back without knowing of anything: it is reset, and the same command goes on."""
    chip = chips(L432, wire)
    chip.board.command("power_cut", after_flash_ops=700, mode="torn", seed=3)
    write = chip.start("write", "--start", chip.file(program()))
    wait_for("the power is cut", lambda: not chip.board.command("status")["power"], 30)
    assert chip.held(8) == b"\xff" * 8
    chip.board.command("power_on")
    said, _ = write.communicate(timeout=300)
    assert write.returncode == 0, said
    assert chip.held(SIZE) == program()
    wait_for("the program runs", chip.runs, 10)


def test_cable_pulled_and_back(chips):
    chip = chips(F411, "uart", speed=4)
    data = program(30000)
    write = chip.start("write", chip.file(data))
    wait_for_programming(chip, 3000)
    chip.board.command("unplug")
    counted = chip.programmed()
    time.sleep(1)
    assert chip.programmed() - counted <= 256
    chip.board.command("plug")
    said, _ = write.communicate(timeout=300)
    assert write.returncode == 0, said
    assert chip.held(len(data)) == data


@every_way
def test_adapter_that_is_gone(chips, wire):
    chip = chips(F411, wire, speed=4)
    write = chip.start("write", chip.file(program(30000)))
    wait_for_programming(chip, 3000)
    chip.board.sim.process.kill()
    said, _ = write.communicate(timeout=60)
    assert write.returncode == 1, said
    assert "check adapter and wiring" in said or "ROM_BUS" in said


@every_way
def test_nobody_there(chips, wire):
    chip = chips(F411, wire, lines=False)  # the application runs, and it is no ROM
    said = chip.rom("info", code=1)
    assert ("ROM_NO_ANSWER" if wire == "uart" else "ROM_BUS") in said and "BOOT0 high" in said
    assert chip.runs()


def test_lines_and_ports_that_are_not_there(chips):
    chip = chips(F411, "uart")
    said = chip.rom("info", way=["--port", "/dev/ttyNOT"], code=1)
    assert "no such port" in said and "/dev/serial/by-id" in said
    assert "not an I2C bus" in chip.rom("info", way=["--i2c", "/dev/null"], code=1)
    assert "it has no such line" in chip.rom("info", lines=["--nrst", "dtr", "--boot0", "!rts"], code=1)
    for line in ("/dev/null:1", "/dev/gpio:1"):
        assert line in chip.rom("info", lines=["--nrst", line], code=1)
        assert line in chip.rom("reset", way=[], lines=["--nrst", line], code=1)


def test_reset_needs_lines_only(chips):
    chip = chips(F411, "uart")
    chip.rom("info")
    assert not chip.runs()
    chip.rom("reset", way=[])
    wait_for("the program runs", chip.runs, 10)


@pytest.mark.parametrize("part, code", [("info", 0), ("verify", 1)])
def test_boot0_is_low_afterwards(chips, part, code):
    """A watchdog's reset, or the next power-on, starts the program, not the ROM."""
    chip = chips(F411, "uart")
    chip.rom(part, *([chip.file(b"x" * 100)] if code else []), code=code)
    assert not chip.runs()
    chip.board.command("reset")
    wait_for("the program runs", chip.runs, 10)


def test_boot0_is_low_after_ctrl_c(chips):
    chip = chips(F411, "uart", speed=4)
    read = chip.start("read", chip.folder / "all.bin")
    time.sleep(1)
    read.send_signal(signal.SIGINT)
    said, _ = read.communicate(timeout=20)
    assert read.returncode == 130, said
    chip.board.command("reset")
    wait_for("the program runs", chip.runs, 10)


# --- command line -------------------------------------------------------------------------------

PARTS = ["info", "read", "write", "verify", "erase", "go", "protect", "unprotect", "reset"]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_has_help(part):
    for words in (["rom", part, "--help"], ["help", "rom", part]):
        said = ferry(*words).stdout
        assert f"Usage: ferry rom {part} " in said and "--nrst LINE" in said
        assert all(len(line) <= 100 for line in said.splitlines())
    assert part in ferry("rom", "--help").stdout and part in ferry("help", "rom").stdout


@pytest.mark.parametrize("words, sentence", [
    ([], "missing"), (["melt"], "unknown part melt"), (["info"], "one of --port and --i2c"),
    (["info", "--port", "/dev/x", "--i2c", "/dev/y"], "one of --port and --i2c"),
    (["info", "--port", "/dev/x", "--baud", "921600"], "--baud 921600"),
    (["info", "--port", "/dev/x", "--baud", "300"], "1200 to 115200"),
    (["info", "--i2c", "/dev/i2c-1", "--baud", "9600"], "--baud is for serial ports"),
    (["info", "--i2c", "/dev/i2c-1:0x99"], "0x08 to 0x77"),
    (["info", "--port", "/dev/x", "--chunk", "100"], "multiple of 16"),
    (["info", "--port", "/dev/x", "--chunk", "512"], "--chunk 512"),
    (["info", "--port", "/dev/x", "--baud", "0"], "1200 to 115200"),
    (["info", "--port", "/dev/x", "--chunk", "0"], "16 to 256"),
    (["info", "--port", "/dev/x", "--gap-ms", "256"], "0 to 100"),
    (["reset", "--nrst", "gpiochip0:0", "--chunk", "32"], "without a port"),
    (["info", "--i2c", "/dev/i2c-1", "--gap-ms", "2"], "for serial ports only"),
    (["info", "--port", "/dev/x", "--boot0", "gpiochip0:1"], "needs NRST"),
    (["info", "--i2c", "/dev/i2c-1", "--nrst", "dtr"], "not of an I2C bus"),
    (["info", "--port", "/dev/x", "--nrst", "gpio17"], "CHIP:LINE, as gpiochip0:17"),
    (["info", "--port", "/dev/x", "--nrst", "gpiochip0:17", "--boot0", "27"], "CHIP:LINE, as gpiochip0:17"),
    (["reset", "--nrst", "gpiochip0"], "CHIP:LINE, as gpiochip0:17"),
    (["reset", "--nrst", "dtr"], "--port is needed"),
    (["reset", "--nrst", "gpiochip0:17", "--boot0", "!rts"], "--port is needed"),
    (["info", "--port", "spidev:/dev/spidev0.0"], "not over SPI"),
    (["write", "--port", "/dev/x"], "a file is needed"),
    (["write", "--port", "/dev/x", "--address", "here", __file__], "--address here"),
    (["erase", "--port", "/dev/x"], "--all or --pages is needed"),
    (["erase", "--port", "/dev/x", "--all", "--pages", "1"], "exclude each other"),
    (["erase", "--port", "/dev/x", "--pages", "5-2"], "FIRST-LAST"),
    (["protect", "--port", "/dev/x"], "--pages or --readout is needed"),
    (["protect", "--port", "/dev/x", "--readout", "--pages", "1"], "exclude each other"),
    (["go", "--port", "/dev/x", "0x08000001"], "no address"),
    (["reset"], "--nrst is needed"),
])
def test_wrong_command_lines(words, sentence):
    done = ferry("rom", *words, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and sentence in done.stderr, done.stderr
    assert "Try `ferry help rom" in done.stderr
