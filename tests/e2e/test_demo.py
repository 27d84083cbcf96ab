"""The demo is what a newcomer runs first: it has to tell its story, with exit code 0."""
import subprocess
import sys

from lab import TOP


def test_demo_tells_its_story():
    done = subprocess.run([sys.executable, TOP / "tools" / "demo"], capture_output=True, text=True,
                          timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("seen: ") == 4
