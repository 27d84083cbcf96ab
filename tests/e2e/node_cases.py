"""Files for board_cases (tests/fuzz/board_cases.c), and how to run it: the real binaries of a board
on the virtual board, in virtual time."""
import pathlib
import subprocess

from lab import BIN, BUILD, ferry, run

BOARDS = ("stm32f407_discovery", "stm32f411_blackpill", "stm32f411_single")


def verify_addresses(board):
    """Where the signature check stands in bootloader and applications, and the bytes behind its arguments,
    as tools/torture: the optimizer may put one of the two functions into the other."""
    sizes = {"ferry_p256_verify": "64/32/64", "p256_ecdsa_verify": "64/64/32"}
    found = []
    for elf in ("bootloader", "demo_app_a"):
        done = run("arm-none-eabi-nm", BUILD / board / f"{elf}.elf")
        symbols = {line.split()[-1]: line.split()[0] for line in done.stdout.splitlines()}
        name = next((name for name in sizes if name in symbols), None)
        assert name, f"{board} {elf}: no signature check found: every case would be slow"
        found.append(f"{symbols[name]}/{sizes[name]}")
    return ",".join(found)


class Node:
    """The files of one board: 1.0.0 with counter 1 in slot A, 2.0.0 with counter 2 to come."""

    def __init__(self, folder, board, provision=()):
        self.folder, self.board = pathlib.Path(folder), board
        self.key = self.folder / "key.pem"
        self.free = "a" if board == "stm32f411_single" else "b"
        ferry("keygen", "-o", self.key)
        self.first = self.sign("", "a", "1.0.0", 1)
        self.next = self.sign("", self.free, "2.0.0", 2)
        self.factory = self.folder / "factory.hex"
        ferry("provision", "--board", board, "--pubkey", self.folder / "key.pub.pem", "--image",
              self.first, "--dev", "--bootloader", BUILD / board / "bootloader.bin", *provision,
              "-o", self.factory)

    def sign(self, variant, slot, version, counter):
        image = self.folder / f"app{variant}-{version}-{slot}.img"
        ferry("sign", "--key", self.key, "--board", self.board, "--slot", slot, "--version", version,
              "--security-counter", counter, BUILD / self.board / f"demo_app{variant}_{slot}.bin", "-o", image)
        return image

    def case(self, name, *options, other=None):
        """Runs a case; returns what it printed. A failure shows how to run it again."""
        command = [BIN / "board_cases", name, "--board", self.board, "--factory", self.factory, "--first",
                   self.first, "--next", self.next, "--verify", verify_addresses(self.board), *options]
        if other is not None:
            command += ["--other", other]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
        return done.stdout
