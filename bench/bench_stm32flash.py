#!/usr/bin/env python3
"""stm32flash, a program of others, on the same virtual board and with the same image as bench_rom:
what it takes in virtual time to write and read back.

    bench_stm32flash.py IMAGE uart|i2c

The program is a real one in real time, on a pseudo-terminal or the preload shim, so the board runs at
the pace of the clock: the times contain those of this machine. They are for comparison; nothing is
gated by them. Bytes on the wire do not depend on the machine.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests" / "e2e"))
from lab import Board, wait_for  # noqa: E402  (needs the path above)

FLASH, SIZE, BOARD = 0x08000000, 512 * 1024, "stm32f411_blackpill"
WIRES = {  # options of stm32flash, and the board's counters of its bytes
    "uart": (["-b", "115200", "-m", "8n1"], ("uart_to_node", "uart_from_node")),
    "i2c": (["-a", "0x39", "/dev/i2c-1"], ("i2c_to_node", "i2c_from_node")),
}


def total(counters, names):
    values = [counters[name] for name in names]
    return sum(sum(value) if isinstance(value, list) else value for value in values)


def measure(board, command):
    """Seconds of virtual time and the counters of one run."""
    board.command("counters_reset")
    before = board.command("status")["time_ns"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=board.env,
                          timeout=600, check=False)
    seconds = (board.command("status")["time_ns"] - before) / 1e9
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return seconds, board.command("counters")


def main():
    image, wire = pathlib.Path(sys.argv[1]), sys.argv[2]
    program = shutil.which("stm32flash")
    if program is None:
        sys.exit("stm32flash is not installed (tools/setup)")
    options, names = WIRES[wire]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        other = folder / "other.bin"
        other.write_bytes(b"\x5a" * SIZE)  # as in bench_rom
        board = Board(folder, f"{other}@{FLASH:#x}", board=BOARD, options=["--boot0"])
        try:
            wait_for("ST's boot loader listens", lambda: board.command("rom")["ready"], 10)
            command = [program, *options, "-w", image, "-v", *([board.port] if wire == "uart" else [])]
            seconds, counters = measure(board, command)
            size = image.stat().st_size
            if board.command("flash_hash", address=FLASH, size=size)["sha256"] != hash_of(image):
                sys.exit("stm32flash: flash holds something else")
        finally:
            board.stop()
    print(f"{'stm32flash -w -v, the same image':<44} {seconds:8.3f} s   ({total(counters, names)} bytes, "
          f"{sum(counters['erases'])} erases)")


def hash_of(path):
    import hashlib
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
