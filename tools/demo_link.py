"""The story of a board with Ferry's bootloader: server -> gateway -> link -> trial -> confirmed, and
what a power cut, a wrong key, a silent application and a hung node come to. Told by tools/demo."""
import time

import lab as ferry_lab
from demo_story import headline, say, shown, watch
from lab import Lab, LabError, durable, ferry, is_confirmed, slot_hash, version_in, wait_for

# How the gateway reaches a board that is not on its UART, and which lines it drives.
WIRES = {"stm32f407_discovery": (ferry_lab.SPI, [("nrst", ferry_lab.NRST), ("boot0", ferry_lab.BOOT0)])}


def written(board):
    """Bytes in the slots' flash: the same measure for every transport."""
    return sum(board.written(slot) for slot in board.map["slots"])


def watch_download(lab, image, until=None):
    """Shows the download until the node restarts (or `until` bytes are in flash)."""
    board, total = lab.board, image.stat().st_size
    start = written(board)

    def over(done):
        if not lab.gateway.program.alive():
            raise LabError("the gateway ended: " + lab.gateway.program.log.read_text())
        return done >= (total if until is None else until)

    watch(board, total, lambda: written(board) - start, over)


def asked(lab):
    """INFO by `ferry status`, with the gateway out of the way."""
    lab.stop_gateway()
    return lab.board.settled()


def running(info):
    slot = info["running"]
    return slot if slot == "bootloader" else f"{version_in(info, slot)} in slot {slot}"


def scene_update(lab):
    headline(f"1  Publish 2.0.0: server -> gateway -> {lab.wire} -> node -> trial -> confirmed")
    images = lab.keys.sign_app("_large", "2.0.0")
    seen = lab.board.event_count()
    lab.server.publish(images)
    say("published; the gateway polls, fetches it, and offers it to the node")
    watch_download(lab, images[-1])
    say("accepted: the node restarts and tries the new image")
    lab.server.finished("2.0.0", "success")
    info = asked(lab)
    say(f"running {running(info)}, confirmed by its own self-test")
    blinks = len(lab.board.events("led", seen))
    slot = "ab"[len(images) - 1]
    good = is_confirmed(info, slot, "2.0.0") and slot_hash(lab.board, slot, images[-1]) and blinks > 2
    return good, f"2.0.0 runs, confirmed; flash holds the image; {blinks} LED changes"


def scene_power_cut(lab):
    headline("2  Publish 3.0.0, and pull the power in the middle of the download")
    images = lab.keys.sign_app("_large", "3.0.0")
    image, total = images[0], images[0].stat().st_size
    lab.start_gateway()
    lab.server.publish(images)
    watch_download(lab, image, until=total // 2)
    lab.board.command("power_cut")
    kept = durable(lab.board)
    at_cut = lab.board.written("a")
    say(f"power is gone; {kept // 1024} of {total // 1024} KB are safe in flash")
    time.sleep(0.5)
    lab.board.command("power_on")
    say("power is back: the download goes on" + ("" if lab.single else ", after the old application started"))
    lab.server.finished("3.0.0", "success")
    after = lab.board.written("a") - at_cut
    info = asked(lab)
    rest = total - kept
    say(f"{after} bytes were written after the cut; {rest} were missing")
    good = (is_confirmed(info, "a", "3.0.0") and slot_hash(lab.board, "a", image) and kept > 0 and
            after < rest + 4)
    return good, f"resumed at {kept // 1024} KB; of {total} bytes none was written twice"


def scene_wrong_key(lab):
    headline("3  An image signed with a wrong key")
    wrong = lab.folder / "wrong.pem"
    ferry("keygen", "-o", wrong)
    images = lab.keys.sign_app("_large", "9.0.0", key=wrong)
    try:
        lab.server.publish(images)
        return False, "the server took it"
    except LabError:
        releases = lab.server.api("/api/v1/releases")["releases"]
        refused = all(release["version"] != "9.0.0" for release in releases)
        say("the server refuses to store it")
    before = sum(lab.board.command("counters")["erases"])
    other = "a" if lab.single else "b"
    info, held = lab.board.info(), slot_hash(lab.board, other)
    done = lab.board.ferry("send", "--port", lab.board.port, *images, check=False)
    erases = sum(lab.board.command("counters")["erases"]) - before
    reason = "IMAGE_KEY" if "IMAGE_KEY" in done.stderr else done.stderr.strip()
    say(f"sent by hand: the node refuses it as {reason}, before it erases anything")
    same = lab.board.settled()
    good = (refused and done.returncode == 1 and erases == 0 and slot_hash(lab.board, other) == held and
            is_confirmed(same, "a", "3.0.0") and info["update"] == same["update"])
    return good, f"refused by server and node, {erases} erases"


def scene_never_confirms(lab):
    headline("4  Publish 4.0.0, an application that works but never confirms itself")
    images = lab.keys.sign_app("_silent", "4.0.0")
    before = slot_hash(lab.board, "a")
    seen = lab.board.event_count()
    lab.start_gateway()
    lab.server.publish(images)
    watch_download(lab, images[-1])
    say("on trial; unconfirmed, so the watchdog ends it three times (time runs 8 x)")
    lab.board.command("speed", x=8)
    target = lab.server.finished("4.0.0", "failure")
    lab.board.command("speed", x=1)
    if not lab.single:
        lab.stop_gateway()
    dogs = [e for e in lab.board.events("reset", seen) if "watchdog" in e["cause"]]
    say(f"the server was told: {target['action']['message'].split(':')[0]}")
    if lab.single:
        return brought_back(lab, dogs)
    info = lab.board.settled()
    say(f"running {running(info)} again")
    good = (is_confirmed(info, "a", "3.0.0") and info["update"]["outcome"] == "TRIAL_EXHAUSTED" and
            len(dogs) == 3 and slot_hash(lab.board, "a") == before)
    return good, f"{len(dogs)} watchdog resets, then 3.0.0 again; its slot is untouched"


def brought_back(lab, dogs):
    """One slot: nothing is left to go back to, so the bootloader listens and the gateway helps."""
    say("attempts used up: the bootloader listens; the gateway fetches 3.0.0, the last that was confirmed")
    image = lab.folder / "demo_app_large-3.0.0-a.img"
    wait_for("3.0.0 is in the slot again", lambda: slot_hash(lab.board, "a", image) and
             lab.board.in_application(), 60, 0.2)
    lab.stop_gateway()
    info = wait_for("3.0.0 confirms itself", lambda: (lambda i: is_confirmed(i, "a", "3.0.0") and i)(
        lab.board.settled()), 30, 0.5)
    say(f"running {running(info)} again, confirmed")
    return len(dogs) == 3, f"{len(dogs)} watchdog resets, the gateway brings 3.0.0 again by itself; confirmed"


def scene_hung(lab):
    headline("5  The node hears nothing: BOOT0 was touched, it sits in ST's ROM")
    lab.board.command("pin", pin="BOOT0", level=1)
    lab.board.command("reset")
    lab.board.command("pin", pin="BOOT0", level=0)
    seen = lab.board.event_count()
    lab.start_gateway()
    say("the gateway asks for 6 s, then pulls NRST low for 50 ms")
    wait_for("a reset by NRST", lambda: any(e["cause"] == "pin" for e in lab.board.events("reset", seen)), 60)
    info = asked(lab)
    pulls = [e for e in lab.board.events("reset", seen) if e["cause"] == "pin"]
    say(f"running {running(info)} again")
    return is_confirmed(info, "a", "3.0.0") and len(pulls) <= 3, f"reset by NRST, {running(info)}"


class Stage(Lab):
    """Board, server and gateway, and which of the board's wires the story is told on."""

    def __init__(self, folder, board):
        port, keys = WIRES.get(board, (None, ()))
        super().__init__(folder, board=board, port=port, keys=keys)
        self.single = len(self.board.map["slots"]) == 1
        self.lines = bool(keys)
        self.wire = "SPI" if port else "UART"
        self.scenes = [("update", scene_update), ("power cut", scene_power_cut), ("wrong key", scene_wrong_key),
                       ("never confirms", scene_never_confirms)]
        if self.lines:
            self.scenes.append(("hung node", scene_hung))

    def introduce(self):
        info = self.board.settled()
        headline("A node that was just provisioned")
        say(f"{info['board']}, running {running(info)}")
        say("its flash came from factory.hex, as a programmer writes it")
        self.start_gateway()

    def keep(self):
        self.start_gateway()
        return self.server.url

    def play_further(self):
        """Commands for the wire that the demo used; the shim stands in for a machine with that wire."""
        folder = shown(self.folder)
        option, ferry_there, port, extra = f"--uart pty:{folder}/uart", "ferry", f"{folder}/uart", ""
        if self.wire != "UART":
            option, ferry_there, port = f"--bus {folder}/bus", "LD_PRELOAD=$SHIM ferry", self.board.port
            extra = f"\n  export FERRY_BUS_SOCKET={folder}/bus SHIM=$PWD/{shown(ferry_lab.SHIM)}"
        lines = f"\n  {ferry_there} reset --nrst {ferry_lab.NRST} --boot0 {ferry_lab.BOOT0}" if self.lines else ""
        return f"""  export PATH=$PWD/build/host/bin:$PATH{extra}
  ferry-sim --board {self.keys.board} --flash {folder}/factory.hex \\
            {option} --realtime --quiet & sleep 1
  {ferry_there} status --port {port}
  {ferry_there} send --port {port} {folder}/demo_app_large-2.0.0-?.img{lines}
  {ferry_there} log --port {port}
  kill %1
  ferry help"""
