"""How a demo tells its story: headlines, a bar for what moves, what was seen, what to type next.

A story (demo_link.py, demo_rom.py) is a class Stage, a context manager for everything that runs:
  folder          its keys, images and logs
  board           the virtual board (lab.Board)
  scenes          [(name, scene)]; scene(stage) -> (was every outcome seen?, what was seen)
  introduce()     tells how things stand before the first scene
  play_further()  text: commands that work once all of it has ended
  keep()          for --keep: starts what scenes have stopped; returns the address of the status page
"""
import shutil
import sys
import time

from lab import TOP, LabError

TTY = sys.stdout.isatty()


def colour(code, text):
    return f"\033[{code}m{text}\033[0m" if TTY else text


def shown(path):
    """A path as one types it in the tree's folder."""
    return path.relative_to(TOP) if path.is_relative_to(TOP) else path


def headline(text):
    print("\n" + colour("1", text), flush=True)


def say(text):
    print("  " + text, flush=True)


class Progress:
    """A bar on a terminal, a line for each tenth elsewhere."""

    def __init__(self, total):
        self.total, self.tenth = total, -1

    def show(self, done, led):
        done = min(done, self.total)
        if TTY:
            width = max(10, min(40, shutil.get_terminal_size().columns - 40))
            filled = width * done // self.total
            lamp = colour("33", "*") if led else "."
            print(f"\r  [{'#' * filled}{'.' * (width - filled)}] {100 * done // self.total:3d} %  "
                  f"{done // 1024} KB in flash  LED {lamp}\033[K", end="", flush=True)
        elif 10 * done // self.total > self.tenth:
            self.tenth = 10 * done // self.total
            say(f"{10 * self.tenth:3d} %  {done // 1024} KB in flash")

    def end(self):
        if TTY:
            print()


def watch(board, total, written, over):
    """Shows written() of total bytes, beside the board's LED, until over(bytes)."""
    progress = Progress(total)
    while True:
        done = written()
        progress.show(done, any(board.command("status")["leds"].values()))
        if over(done):
            break
        time.sleep(0.05)
    progress.end()


def perform(stage):
    """Plays the scenes; what a scene waits for in vain is an outcome too. [(name, seen?, text)]"""
    results = []
    stage.introduce()
    for name, scene in stage.scenes:
        try:
            good, text = scene(stage)
        except LabError as error:
            good, text = False, str(error)
        results.append((name, good, text))
        say(colour("32" if good else "31", ("seen: " if good else "NOT SEEN: ") + text))
        stage.board.command("speed", x=1)
    return results


def summary(stage, results, seconds):
    headline("Summary")
    for name, good, text in results:
        print(f"  {colour('32', 'seen') if good else colour('31', 'NOT SEEN'):8}  {name:16} {text}")
    print(f"  {seconds:.0f} s. Files and logs: {shown(stage.folder)}")
    headline("To play further")
    print(stage.play_further(), flush=True)


def run_on(stage):
    """Until Ctrl-C."""
    print("\n  Running until Ctrl-C. Status page: " + stage.keep(), flush=True)
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        pass
