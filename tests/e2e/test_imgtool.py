"""`ferry` and MCUboot's imgtool read each other's images; `ferry`'s own verdicts and exit codes.

    build/venv/bin/pytest tests/e2e/test_imgtool.py

FERRY_BIN_DIR names the folder of `ferry` (default: build/host/bin).
"""
import json
import os
import pathlib
import stat
import struct
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
FERRY = pathlib.Path(os.environ.get("FERRY_BIN_DIR", TOP / "build/host/bin")) / "ferry"
IMGTOOL = pathlib.Path(sys.executable).with_name("imgtool")
BOARD = "stm32f411_blackpill"
SLOTS = {"a": (0x08010000, 0x30000), "b": (0x08040000, 0x40000)}


def run(program, *args):
    return subprocess.run([str(program), *map(str, args)], capture_output=True, text=True,
                          check=False, timeout=60)


def ferry(*args, code=0):
    done = run(FERRY, *args)
    assert done.returncode == code, (args, done.stdout, done.stderr)
    return done


def imgtool(*args, code=0):
    done = run(IMGTOOL, *args)
    assert done.returncode == code, (args, done.stdout, done.stderr)
    return done


def application(slot, size=5000):
    """A binary linked for this slot: stack pointer, reset vector, content."""
    vectors = struct.pack("<II", 0x20020000, SLOTS[slot][0] + 0x200 + 0x101)
    return vectors + bytes(i * 13 & 0xFF for i in range(size - len(vectors)))


@pytest.fixture(name="work", scope="module")
def make_work(tmp_path_factory):
    """A folder with keys `key`, `other`, and applications app_a.bin, app_b.bin."""
    folder = tmp_path_factory.mktemp("imgtool")
    for name in ("key", "other"):
        ferry("keygen", "-o", folder / f"{name}.pem")
    for slot in SLOTS:
        (folder / f"app_{slot}.bin").write_bytes(application(slot))
    return folder


def sign(work, slot, output, *more, key="key", version="1.2.3+4", source=None, code=0):
    return ferry("sign", "--key", work / f"{key}.pem", "--board", BOARD, "--slot", slot,
                 "--version", version, *more, source or work / f"app_{slot}.bin", "-o", output,
                 code=code)


def imgtool_sign(work, slot, output, *more, custom=BOARD, rom_fixed=True, version="1.2.3+4"):
    start, size = SLOTS[slot]
    place = ["--rom-fixed", hex(start)] if rom_fixed else []
    board = ["--custom-tlv", "0xa0", custom] if custom else []
    imgtool("sign", "-k", work / "key.pem", "-H", "0x200", "--pad-header", "--align", "4", "-S",
            size, "-v", version, *place, *board, *more, work / f"app_{slot}.bin", output)


def verify(work, image, *more, key="key", code=0):
    return ferry("verify", "--key", work / f"{key}.pub.pem", *more, image, code=code)


def info(image):
    return json.loads(ferry("info", image, "--json").stdout)


# --- Ferry -> imgtool ---

@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("key_file", ["key.pem", "key.pub.pem"])
def test_imgtool_accepts_ferry_images(work, tmp_path, slot, key_file):
    sign(work, slot, tmp_path / "x.img")
    out = imgtool("verify", "-k", work / key_file, tmp_path / "x.img").stdout
    assert "Image was correctly validated" in out
    assert "1.2.3+4" in out


def test_imgtool_sees_what_ferry_wrote(work, tmp_path):
    sign(work, "b", tmp_path / "x.img", "--security-counter", "77")
    imgtool("dumpinfo", "-o", tmp_path / "x.yaml", "-s", tmp_path / "x.img")
    text = (tmp_path / "x.yaml").read_text()
    for part in ("SEC_CNT", "KEYHASH", "SHA256", "ECDSASIG", "flags: 256", "type: 160"):
        assert part in text


def test_imgtool_refuses_the_wrong_key(work, tmp_path):
    sign(work, "a", tmp_path / "x.img")
    assert run(IMGTOOL, "verify", "-k", work / "other.pem", tmp_path / "x.img").returncode != 0


# --- imgtool -> Ferry ---

@pytest.mark.parametrize("slot", SLOTS)
def test_ferry_accepts_imgtool_images(work, tmp_path, slot):
    imgtool_sign(work, slot, tmp_path / "x.img", "-s", "auto")
    verify(work, tmp_path / "x.img")
    facts = info(tmp_path / "x.img")
    assert (facts["slot"], facts["board"], facts["version"]) == (slot, BOARD, "1.2.3+4")
    assert facts["security_counter"] == 1 << 24 | 2 << 16 | 3


def test_both_tools_make_the_same_image(work, tmp_path):
    """All but the signature, which is random."""
    sign(work, "a", tmp_path / "ferry.img", "--security-counter", "9")
    imgtool_sign(work, "a", tmp_path / "imgtool.img", "-s", "9")
    one, two = info(tmp_path / "ferry.img"), info(tmp_path / "imgtool.img")
    assert one["hash"] == two["hash"]
    assert one["key_hash"] == two["key_hash"]


@pytest.mark.parametrize("change, name", [
    ({"rom_fixed": False}, "IMAGE_FLAGS"),
    ({"custom": None}, "IMAGE_MISSING_TLV"),
    ({"custom": "another_board"}, "IMAGE_BOARD"),
])
def test_ferry_names_what_is_missing(work, tmp_path, change, name):
    imgtool_sign(work, "a", tmp_path / "x.img", "-s", "1", **change)
    assert name in verify(work, tmp_path / "x.img", code=1).stderr


def test_an_image_without_security_counter_is_refused(work, tmp_path):
    imgtool_sign(work, "a", tmp_path / "x.img")
    assert "IMAGE_MISSING_TLV" in verify(work, tmp_path / "x.img", code=1).stderr


# --- verify and info ---

def test_wrong_key_is_named(work, tmp_path):
    sign(work, "a", tmp_path / "x.img")
    assert "IMAGE_KEY" in verify(work, tmp_path / "x.img", key="other", code=1).stderr


@pytest.mark.parametrize("offset, name", [
    (0, "IMAGE_MAGIC"), (22, "IMAGE_HASH"), (0x1FF, "IMAGE_HASH"), (0x200 + 100, "IMAGE_HASH"),
    (-1, "IMAGE_SIGNATURE"),
])
def test_a_flipped_bit_is_found(work, tmp_path, offset, name):
    sign(work, "a", tmp_path / "x.img")
    data = bytearray((tmp_path / "x.img").read_bytes())
    data[offset] ^= 1
    (tmp_path / "x.img").write_bytes(data)
    assert name in verify(work, tmp_path / "x.img", code=1).stderr


def test_trailing_and_missing_bytes_are_found(work, tmp_path):
    sign(work, "a", tmp_path / "x.img")
    data = (tmp_path / "x.img").read_bytes()
    for wrong in (data + b"\0", data[:-1], data[:100], b""):
        (tmp_path / "y.img").write_bytes(wrong)
        assert "IMAGE_SIZE" in verify(work, tmp_path / "y.img", code=1).stderr


def test_info_needs_no_key_and_tells_damage(work, tmp_path):
    sign(work, "b", tmp_path / "x.img", version="2.0.65535")
    facts = info(tmp_path / "x.img")
    assert facts["version"] == "2.0.65535"
    assert facts["load_address"] == SLOTS["b"][0]
    assert facts["total_size"] == (tmp_path / "x.img").stat().st_size
    assert facts["content_ok"] is True
    data = bytearray((tmp_path / "x.img").read_bytes())
    data[0x300] ^= 1
    (tmp_path / "x.img").write_bytes(data)
    done = ferry("info", tmp_path / "x.img", "--json", code=1)
    assert json.loads(done.stdout)["content_ok"] is False


def test_shared_vectors_verify(tmp_path):
    """The same images that the C tests read, here through OpenSSL."""
    lines = (TOP / "tests/vectors/vectors.txt").read_text().splitlines()
    values = dict(line.split(" = ", 1) for line in lines if not line.startswith("#"))
    pem = subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER"], check=True,
                         input=bytes.fromhex(values["key.0.spki"]), capture_output=True).stdout
    (tmp_path / "key.pub.pem").write_bytes(pem)
    for slot in SLOTS:
        (tmp_path / "x.img").write_bytes(bytes.fromhex(values[f"image.{slot}.bytes"]))
        verify(tmp_path, tmp_path / "x.img")
        facts = info(tmp_path / "x.img")
        assert facts["hash"] == values[f"image.{slot}.hash"]
        assert facts["security_counter"] == int(values[f"image.{slot}.counter"])


# --- sign ---

@pytest.mark.parametrize("counter, value", [([], 0), (["--security-counter", "5"], 5),
                                            (["--security-counter", "0xFFFFFFFF"], 0xFFFFFFFF),
                                            (["--security-counter", "auto"], 0x01020003)])
def test_security_counter(work, tmp_path, counter, value):
    sign(work, "a", tmp_path / "x.img", *counter)
    assert info(tmp_path / "x.img")["security_counter"] == value


def test_sign_refuses_an_application_for_the_other_slot(work, tmp_path):
    done = sign(work, "b", tmp_path / "x.img", source=work / "app_a.bin", code=1)
    assert "IMAGE_VECTORS" in done.stderr and "linked for slot a" in done.stderr
    assert not (tmp_path / "x.img").exists()


def test_sign_refuses_what_does_not_fit(work, tmp_path):
    (tmp_path / "big.bin").write_bytes(application("a", SLOTS["a"][1] - 0x200))
    done = sign(work, "a", tmp_path / "x.img", source=tmp_path / "big.bin", code=1)
    assert "IMAGE_TOO_BIG" in done.stderr


def test_the_largest_application_fits(work, tmp_path):
    (tmp_path / "big.bin").write_bytes(application("a", SLOTS["a"][1] - 0x200 - 512))
    sign(work, "a", tmp_path / "x.img", source=tmp_path / "big.bin")
    verify(work, tmp_path / "x.img")


@pytest.mark.parametrize("content, hint", [(b"\x7fELF" + bytes(100), "objcopy"), (b"1234", "short"),
                                           (b"\x3d\xb8\xf3\x96" + bytes(100), "already")])
def test_sign_says_what_the_input_is(work, tmp_path, content, hint):
    (tmp_path / "in.bin").write_bytes(content)
    done = sign(work, "a", tmp_path / "x.img", source=tmp_path / "in.bin", code=1)
    assert hint in done.stderr


@pytest.mark.parametrize("options", [
    ["--slot", "c"], ["--version", "1.2"], ["--version", "256.0.0"], ["--version", "1.2.3x"],
    ["--version", "1.2.3+4294967296"], ["--board", "toaster"], ["--security-counter", "-1"],
    ["--security-counter", "4294967296"], ["--what", "x"],
])
def test_sign_usage_errors_exit_with_2(work, tmp_path, options):
    given = {"--key": work / "key.pem", "--board": BOARD, "--slot": "a", "--version": "1.2.3"}
    given.update(zip(options[::2], options[1::2]))
    words = [word for pair in given.items() for word in pair]
    done = ferry("sign", *words, work / "app_a.bin", "-o", tmp_path / "x.img", code=2)
    assert "ferry help sign" in done.stderr


# --- keygen, help, exit codes ---

def test_keygen_protects_the_private_key(tmp_path):
    key = tmp_path / "k.pem"
    ferry("keygen", "-o", key)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PUBLIC KEY" in (tmp_path / "k.pub.pem").read_text()
    before = key.read_bytes()
    ferry("keygen", "-o", key, code=1)
    assert key.read_bytes() == before
    ferry("keygen", "-o", key, "--force")
    assert key.read_bytes() != before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["k.pem", "k.pub.pem"]


@pytest.mark.parametrize("args, code", [
    (["help"], 0), (["--help"], 0), (["help", "sign"], 0), (["sign", "--help"], 0),
    (["--version"], 0), ([], 2), (["fly"], 2), (["help", "fly"], 2), (["keygen"], 2),
    (["verify", "x"], 2), (["info"], 2), (["info", "a", "b"], 2), (["info", "--what"], 2),
    (["info", "/nonexistent"], 1), (["verify", "--key", "/nonexistent", "x"], 1),
])
def test_exit_codes(args, code):
    ferry(*args, code=code)


# --- provision ---

def bootloader(board=BOARD):
    """Stands in for bootloader.bin: vectors, then an empty boot block (SPEC.md)."""
    block = struct.pack("<IHHII32s", 0x4B4C4246, 240, 0, 0x00010000, 0, board.encode())
    return struct.pack("<II", 0x20020000, 0x08000141) + bytes(0x38) + block + bytes(2000)


def provision(work, folder, *more, code=0):
    (folder / "bootloader.bin").write_bytes(bootloader())
    return ferry("provision", "--board", BOARD, "--pubkey", work / "key.pub.pem", "--bootloader",
                 folder / "bootloader.bin", "-o", folder / "f.hex", *more, code=code)


def read_hex(path):
    intelhex = pytest.importorskip("intelhex")
    content = intelhex.IntelHex(str(path))
    return lambda start, size: bytes(content.tobinarray(start=start, size=size))


def test_provision_writes_a_whole_node(work, tmp_path):
    sign(work, "a", tmp_path / "a.img", "--security-counter", "3")
    provision(work, tmp_path, "--image", tmp_path / "a.img", "--dev")
    memory = read_hex(tmp_path / "f.hex")
    image = (tmp_path / "a.img").read_bytes()
    facts = info(tmp_path / "a.img")
    assert memory(SLOTS["a"][0], len(image)) == image
    magic, size, keys, _, flags = struct.unpack("<IHHII", memory(0x08000040, 16))
    assert (magic, size, keys, flags) == (0x4B4C4246, 240, 1, 1)
    assert memory(0x08000040 + 48, 32).hex() == facts["key_hash"]
    assert bytes.fromhex(facts["hash"]) in memory(0x08008000, 64)
    assert memory(0x0800C000, 64) == b"\xff" * 64
    # BOR level 3, RDP level 0; sectors 0 and 1 protected
    assert memory(0x1FFFC000, 2) == b"\xf3\xaa"
    assert memory(0x1FFFC008, 2) == b"\xfc\x7f"


def test_provision_option_bytes_by_choice(work, tmp_path):
    provision(work, tmp_path, "--rdp", "1")
    assert read_hex(tmp_path / "f.hex")(0x1FFFC000, 2) == b"\xf3\x55"
    provision(work, tmp_path, "--no-option-bytes")
    assert "FFFC000" not in (tmp_path / "f.hex").read_text()
    assert ":020000041FFF" not in (tmp_path / "f.hex").read_text()
    done = provision(work, tmp_path, "--rdp", "2", code=2)
    assert "never be undone" in done.stderr


def test_provision_takes_two_keys(work, tmp_path):
    provision(work, tmp_path, "--second-pubkey", work / "other.pub.pem")
    memory = read_hex(tmp_path / "f.hex")
    assert struct.unpack("<H", memory(0x08000046, 2)) == (2,)
    assert memory(0x08000040 + 48, 32) != memory(0x08000040 + 48 + 96, 32)


def test_provision_refuses_a_wrong_application(work, tmp_path):
    sign(work, "b", tmp_path / "b.img")
    sign(work, "a", tmp_path / "other.img", key="other")
    assert "slot b" in provision(work, tmp_path, "--image", tmp_path / "b.img", code=1).stderr
    done = provision(work, tmp_path, "--image", tmp_path / "other.img", code=1)
    assert "IMAGE_KEY" in done.stderr
    (tmp_path / "cut.img").write_bytes((tmp_path / "b.img").read_bytes()[:-40])
    done = provision(work, tmp_path, "--image", tmp_path / "cut.img", code=1)
    assert done.stderr.startswith(f"ferry: {tmp_path / 'cut.img'}: ")
    assert not (tmp_path / "f.hex").exists()


def test_provision_refuses_a_foreign_bootloader(work, tmp_path):
    for content in (bytes(5000), bootloader("another_board"), b"", bytes(0x8001)):
        (tmp_path / "x.bin").write_bytes(content)
        ferry("provision", "--board", BOARD, "--pubkey", work / "key.pub.pem", "--bootloader",
              tmp_path / "x.bin", "-o", tmp_path / "f.hex", code=1)
    assert not (tmp_path / "f.hex").exists()
