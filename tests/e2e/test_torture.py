"""tools/torture and tools/reliability with sweeps that are played: what broke off is never told as whole."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BOARDS = ("one", "two")
HOST = "totals {name}: 10 of 20 operations, 30 trials, 3 with a second cut, 1 known, 0 failed"
COUNTS = ["lost", "torn", "done", "nrst", "wdog", "erased_again", "shortened", "executed", "double", "second_cuts"]
BOARD = {"stories": "-", **{f"{kind}_operations{cut}": 9 for kind in ("erase", "journal", "data") for cut in ("", "_cut")},
         **{name: 1 for name in COUNTS}, "behind_durable": [0] * 6, "behind_received": [0] * 6, "all_seeds_words": 2,
         "listed": 20, "chosen": 20, "planned": 10, "trials": 10, "same": 1, "checked": 1, "pairs_each": 2,
         "word_seeds": 16, "step": 1, "seed": 1, "pace": 1, "idle_pace": 1, "duration_s": 1, "violations": 0}
# A sweep of a board. $STOP: the part at which the machine goes down. $BREAK: a process of it leaves nothing.
SWEEP = r"""#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in --results) results=$2 ;; --seeds) seeds=$2 ;; --board) board=$2 ;; esac
    shift
done
case $results in
*"${STOP:-none}"*) touch build/stop && exec sleep 60 ;;
*"${BREAK:-none}".1.json) exit 1 ;;
esac
sed "s/^{/{\"board\": \"$board\", \"seeds\": $seeds, /" json >"$results"
[ ! -e build/fail ]
"""
# Of the sessions with ST's ROM.
ROM = {**{name: 1 for name in ("lost", "repeated", "flipped", "garbled", "late", "too_late", "nacked", "denied", "cut_lost",
                               "cut_torn", "cut_done")},
       "listed": 44, "chosen": 22, "planned": 11, "same": 3, "checked": 1, "retried": 1, "failed": 1, "marginal": 0,
       "bytes": 9, "transfers": 9, "operations": 9, "longest_ms": 9, "seeds": 16, "duration_s": 1, "violations": 0}
ROM_SWEEP = r"""#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in --results) results=$2 ;; esac
    shift
done
case $results in *"${BREAK:-none}".1.totals) exit 1 ;; esac
cat rom.json >"$results"
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def tree(tmp_path):
    for name in ("torture", "reliability", "boards"):
        (tmp_path / "tools").mkdir(exist_ok=True)
        shutil.copy(TOP / "tools" / name, tmp_path / "tools")
    (tmp_path / "docs").mkdir()
    for board in BOARDS:
        (tmp_path / "boards" / board).mkdir(parents=True)
        (tmp_path / "boards" / board / "board.h").write_text("#define BOARD_BOOTLOADER_SIZE 0x4000\n")
        program(tmp_path / "build" / board / "small_app_a.bin", "")
    (tmp_path / "boards" / "presets.json").write_text(json.dumps({"configurePresets": [{"name": b} for b in BOARDS]}))
    (tmp_path / "json").write_text(json.dumps(BOARD))
    program(tmp_path / "build/host/bin/board_sweep", SWEEP)
    (tmp_path / "rom.json").write_text(json.dumps(ROM))
    program(tmp_path / "build/host/bin/rom_sweep", ROM_SWEEP)
    program(tmp_path / "build/host/bin/ferry", "#!/bin/sh\n")
    for name in ("install", "boot", "journal"):
        program(tmp_path / f"build/power/bin/test_{name}_power", f'#!/bin/sh\n[ -z "$FERRY_TORTURE_CASE" ] && echo {HOST.format(name=name)}\n')
    (tmp_path / ".gitignore").write_text("build\n")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def run(tree, *arguments, tool="torture", **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FERRY_")}
    return subprocess.run([tree / "tools" / tool, *arguments], capture_output=True, text=True, timeout=60, cwd=tree,
                          env={**clean, "FERRY_TORTURE_JOBS": "2", **environment})


def run_until(tree, part, **environment):
    """The machine goes down while this part is swept."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FERRY_")}
    process = subprocess.Popen([tree / "tools" / "torture"], cwd=tree, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**clean, "FERRY_TORTURE_JOBS": "2", "STOP": part, "TMPDIR": str(tree / "build"),
                                    **environment})
    while not (tree / "build" / "stop").exists():
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def document(tree):
    return (tree / "docs" / "RELIABILITY.md").read_text()


def test_a_whole_run_is_whole(tree):
    done = run(tree, FERRY_TORTURE_CASE="left over", FERRY_TORTURE_DOUBLE="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Not run" not in document(tree) and "**0 violations**" in document(tree)


def test_what_broke_off_is_continued(tree):
    run_until(tree, "one.watchdog")
    done = run(tree, "--continue")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Not run" not in document(tree)


@pytest.mark.parametrize("part, lost", [("one.watchdog", ["one.large", "one.application"]), ("two.large", ["two.application"])])
def test_parts_that_were_never_begun_are_told(tree, part, lost):
    run_until(tree, part)
    done = run(tree, tool="reliability")
    assert done.returncode == 1
    for name in [part, *lost]:
        assert f"{name}.0: no result" in document(tree), name


@pytest.mark.parametrize("name", ["SEEDS", "SEED", "WORD_EVERY", "PAIRS", "WORDS", "BOARDS"])
def test_other_settings_are_not_continued(tree, name):
    run_until(tree, "two.bootloader", **{f"FERRY_TORTURE_{name}": "two" if name in ("WORDS", "BOARDS") else "3"})
    done = run(tree, "--continue")
    assert done.returncode == 2 and "--continue" in done.stderr


def test_other_programs_are_not_continued(tree):
    run_until(tree, "one.bootloader")
    program(tree / "build/host/bin/board_sweep", SWEEP + "# another\n")
    assert run(tree, "--continue").returncode == 2


def test_another_commit_is_not_continued(tree):
    run_until(tree, "one.bootloader")
    (tree / "json").write_text(json.dumps({**BOARD, "trials": 11}))
    assert run(tree, "--continue").returncode == 2


def test_a_part_that_failed_again_leaves_nothing_of_before(tree):
    """Both processes left results and failed; the next time one of them leaves nothing."""
    (tree / "build" / "fail").touch()
    assert run(tree).returncode == 1
    (tree / "build" / "fail").unlink()
    done = run(tree, "--continue", BREAK="two.large")
    assert done.returncode == 1
    assert "two.large.1: no result" in document(tree)


def test_a_sweep_of_the_rom_that_left_nothing_is_told(tree):
    done = run(tree, BREAK="rom")
    assert done.returncode == 1
    assert "ST's ROM" in document(tree).split("Not run")[1]
