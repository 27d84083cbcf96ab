"""tools/setup on a machine whose Debian archives give no sources: what only tests need stops no build."""
import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
MBEDTLS = os.environ.get("FERRY_MBEDTLS_DIR", TOP / "build" / "third_party" / "mbedtls")


@pytest.fixture
def tree(tmp_path):
    """All but libgpiod is there; apt-get fails, and writes down that it was called."""
    for folder in ("tools", "cmake", "bin", "build/venv/bin"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(TOP / "tools" / "setup", tmp_path / "tools")
    for pins in (TOP / "cmake").glob("*.sha256"):
        shutil.copy(pins, tmp_path / "cmake")
    (tmp_path / "tools" / "packages.txt").write_text("dpkg\n")
    (tmp_path / "tools" / "requirements.txt").write_text("")
    version = subprocess.run(["python3", "--version"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "build/venv/.ferry-setup").write_text(f"{version}{hashlib.sha256(b'').hexdigest()}  -\n")
    for name, text in (("bin/apt-get", f"echo called >>{tmp_path}/calls; exit 100"), ("build/venv/bin/python", "")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def setup(tree, *arguments, **environment):
    path = f"{tree}/bin:{os.environ['PATH']}"
    clean = {k: v for k, v in os.environ.items() if k not in ("FERRY_NO_SKIP", "FERRY_LIBGPIOD_DIR")}
    return subprocess.run([tree / "tools" / "setup", *arguments], capture_output=True, text=True, timeout=60,
                          env={**clean, "PATH": path, "FERRY_MBEDTLS_DIR": str(MBEDTLS), **environment})


def calls(tree):
    return (tree / "calls").read_text().count("called")


def test_libgpiod_stops_no_build(tree):
    first = setup(tree)
    assert first.returncode == 0, first.stderr
    assert "libgpiod: not there; only tests need it" in first.stdout
    count = calls(tree)
    again = setup(tree)
    assert again.returncode == 0 and "only tests need it" in again.stdout
    assert calls(tree) == count  # not tried at each `make`
    assert not list((tree / "build/third_party").glob("fetch.*"))


@pytest.mark.parametrize("arguments, environment", [(("--only", "libgpiod"), {}), ((), {"FERRY_NO_SKIP": "1"})],
                         ids=["only", "make test"])
def test_who_needs_libgpiod_is_told(tree, arguments, environment):
    setup(tree)
    count = calls(tree)
    done = setup(tree, *arguments, **environment)
    assert done.returncode == 1 and "setup: libgpiod: " in done.stderr
    assert calls(tree) > count


def test_make_test_needs_what_only_tests_need(tmp_path):
    """Down to the recipe of setup, which is the first that it runs."""
    makefile = (TOP / "Makefile").read_text()
    probe = "FERRY_MBEDTLS_DIR=$(MBEDTLS) tools/setup"
    assert makefile.count(probe) == 1
    (tmp_path / "boards" / "stm32f411_blackpill").mkdir(parents=True)
    (tmp_path / "boards" / "stm32f411_blackpill" / "board.h").touch()
    (tmp_path / "Makefile").write_text(makefile.replace(probe, 'echo "no skip: $$FERRY_NO_SKIP." && exit 1'))
    for target, value in (("test", "1"), ("host", ""), ("install", ""), ("demo", "")):
        done = subprocess.run(["make", "-C", tmp_path, target], capture_output=True, text=True,
                              env={k: v for k, v in os.environ.items() if k != "FERRY_NO_SKIP"})
        assert done.returncode != 0 and f"no skip: {value}." in done.stdout, done.stdout
