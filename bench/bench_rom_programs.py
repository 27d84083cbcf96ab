#!/usr/bin/env python3
"""stm32flash, a program that others wrote, and `ferry rom write`, each on a virtual board of its own
with the image of bench_rom: virtual time for writing and reading back.

    bench_rom_programs.py IMAGE

Real programs in real time, on a pseudo-terminal and on the preload shim, so the boards run at the pace
of the clock: the times contain this machine's own, and nothing is gated by them (bench_rom does that).
The bytes on the wire do not depend on the machine, but for those that ask over I2C whether the chip is
still busy. Two run at once, both programs over the same wire; they sleep most of the time.
"""
import concurrent.futures
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e"))
from lab import BIN, Board, wait_for  # noqa: E402  (found by the path above)

FLASH, FLASH_SIZE, BOARD = 0x08000000, 512 * 1024, "stm32f411_blackpill"
COUNTERS = {"uart": ("uart_to_node", "uart_from_node"), "i2c": ("i2c_to_node", "i2c_from_node")}


def commands(image, port):
    stm32flash = shutil.which("stm32flash") or sys.exit("stm32flash is not installed (tools/setup)")
    ferry = BIN / "ferry"
    return {
        ("uart", "stm32flash -w -v"): [stm32flash, "-b", "115200", "-m", "8n1", "-w", image, "-v", port],
        ("uart", "ferry rom write"): [ferry, "rom", "write", "--port", port, image],
        ("i2c", "stm32flash -w -v"): [stm32flash, "-a", "0x39", "-w", image, "-v", "/dev/i2c-1"],
        ("i2c", "ferry rom write"): [ferry, "rom", "write", "--i2c", "/dev/i2c-1:0x39", image],
    }


def measure(image, folder, what):
    """One row of the table, or why there is none."""
    folder.mkdir()
    other = folder / "other.bin"
    other.write_bytes(b"\x5a" * FLASH_SIZE)  # as in bench_rom
    board = Board(folder, f"{other}@{FLASH:#x}", board=BOARD, options=["--boot0"])
    try:
        wait_for("ST's boot loader listens", lambda: board.command("rom")["ready"], 60)
        before = board.command("status")["time_ns"]
        done = subprocess.run(commands(image, board.port)[what], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, env=board.env, timeout=600, check=False)
        seconds = (board.command("status")["time_ns"] - before) / 1e9
        counters = board.command("counters")
        written = board.flash_hash(FLASH, image.stat().st_size)
    finally:
        board.stop()
    if done.returncode != 0 or written != hashlib.sha256(image.read_bytes()).hexdigest():
        return f"{what[1]} failed:\n{done.stdout}{done.stderr}", False
    size = sum(counters[name] for name in COUNTERS[what[0]])
    return f"{'  ' + what[0] + ': ' + what[1]:<44} {seconds:8.3f} s   ({size} bytes)", True


def main():
    image = pathlib.Path(sys.argv[1])
    rows = list(commands(image, ""))
    results = []
    with tempfile.TemporaryDirectory() as name, concurrent.futures.ThreadPoolExecutor() as pool:
        for wire in COUNTERS:
            whats = [what for what in rows if what[0] == wire]
            folders = [pathlib.Path(name) / f"{wire}{i}" for i in range(len(whats))]
            results += pool.map(measure, [image] * len(whats), folders, whats)
    for text, _ in results:
        print(text)
    return 0 if all(good for _, good in results) else 1


if __name__ == "__main__":
    sys.exit(main())
