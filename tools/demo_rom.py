"""The story of a board without Ferry's bootloader: HTTP -> gateway -> ST's ROM bootloader over UART and
over I2C, images that are refused, a power cut, and an update that only reads. Told by tools/demo."""
import contextlib
import socket
import sys
import time

from demo_story import headline, say, shown, watch
from lab import BOOT0, BUILD, NRST, SHIM, LabError, Program, Server, free_port, version_in, wait_for
from rom_rig import Key, RomNode

I2C = "/dev/i2c-1"
# Who says that the new version is there: the application itself on its UART, else what was read back.
WIRES = {"UART": {"confirm": "link"}, "I2C": {"port": f"i2c:{I2C}", "confirm": "readback"}}
PINS = f"--nrst {NRST} --boot0 {BOOT0}"


class Web:
    """Any HTTP server: files of a folder, and nothing of Ferry's."""

    def __init__(self, folder):
        self.folder = folder / "www"
        self.folder.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/app.img"
        self.program = Program("http-server", [sys.executable, "-m", "http.server", "--bind", "127.0.0.1",
                                               "--directory", self.folder, self.port], folder)
        wait_for("the HTTP server listens", self.listens, 10)

    def listens(self):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def publish(self, content):
        fresh = self.folder / "new"
        fresh.write_bytes(content)
        fresh.rename(self.folder / "app.img")


class Stage:
    """A blank board, two servers, and a gateway for as long as a scene needs it."""

    def __init__(self, folder, board):
        folder.mkdir(parents=True)
        self.folder = folder
        self.gateway = None
        with contextlib.ExitStack() as started:
            self.node = RomNode(folder, board, speed=1)
            started.callback(self.node.stop)
            self.web = Web(folder)
            started.callback(self.web.program.stop)
            self.server = Server(folder, self.node.key.public)
            started.callback(self.server.stop)
            started.callback(self.stop_gateway)
            self.running = started.pop_all()
        self.board = self.node.board
        self.pages = 0  # of an application; scene 2 counts them
        self.scenes = [("over UART", scene_uart), ("over I2C", scene_i2c), ("refused", scene_refused),
                       ("power cut", scene_power_cut), ("the same again", scene_again)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.running.close()

    def release(self, version, key=None):
        """(image, its payload): each major version of the application says so itself."""
        major = version.split(".")[0]
        binary = BUILD / self.node.name / f"demo_app_large{'' if major == '1' else '_v' + major}.bin"
        return self.node.sign(binary, version, key), binary.read_bytes()

    def keys(self, wire, **keys):
        return {"board": self.node.name, **WIRES[wire], "retries": 8, **keys}

    def gateway_once(self, wire, **keys):
        """One look at the source, to its end."""
        return self.node.gateway(**self.keys(wire, **keys))

    def start_gateway(self, wire, once=True, **keys):
        command = self.node.command(**self.keys(wire, **keys))
        self.gateway = Program("ferry-gateway", [w for w in command if once or w != "--once"], self.folder,
                               self.board.env)

    def last_words(self):
        return (self.gateway.log.read_text().splitlines() or ["not a word"])[-1]

    def expect_success(self):
        """Of a gateway that looks once, and has ended."""
        words, gateway = self.last_words(), self.gateway
        self.stop_gateway()
        if gateway.process.returncode != 0:
            raise LabError("the gateway failed: " + words)

    def stop_gateway(self):
        if self.gateway:
            self.gateway.stop()
            self.gateway = None

    def follow_server(self):
        self.start_gateway("I2C", once=False, source="ddi", url=self.server.url, controller_id="node-1",
                           token=self.server.device_token, poll_s=1)

    def introduce(self):
        headline("A chip with nothing but ST's ROM bootloader")
        state = self.board.command("rom")
        say(f"{self.node.name}, flash blank, BOOT0 low" +
            (": at power-on it found its flash empty, and so its ROM started" if state["empty"] else ""))
        say("a gateway holds NRST, BOOT0, and its UART and I2C")

    def keep(self):
        self.follow_server()
        return self.server.url

    def play_further(self):
        """Another blank chip; the shim stands in for a machine that has its lines and bus."""
        folder = shown(self.folder)
        there = "LD_PRELOAD=$SHIM"
        return f"""  export PATH=$PWD/build/host/bin:$PATH FERRY_BUS_SOCKET={folder}/bus SHIM=$PWD/{shown(SHIM)}
  export PINS="{PINS}"
  ferry-sim --board {self.node.name} --uart pty:{folder}/uart --bus {folder}/bus --realtime --quiet & sleep 1
  {there} ferry rom info --port {folder}/uart $PINS
  {there} ferry rom write --port {folder}/uart $PINS --start {folder}/demo_app_large-1.0.0.img
  ferry status --port {folder}/uart
  {there} ferry-gateway --once --config {folder}/file.conf      # 3.0.0, as in scene 5
  ferry status --port {folder}/uart
  {there} ferry rom info --i2c {I2C} $PINS
  kill %1
  ferry help rom"""


def written(stage):
    return stage.board.command("counters")["bytes_programmed"]


def watch_update(stage, payload, start, until=None):
    """Shows what was written since `start`, until the gateway has ended (or `until` bytes are in flash)."""
    def over(done):
        if until is None:
            return not stage.gateway.alive()
        if not stage.gateway.alive():
            raise LabError("the gateway ended: " + stage.last_words())
        return done >= until

    watch(stage.board, len(payload), lambda: written(stage) - start, over)


def answer(stage):
    """The version that the application says it is, on the UART where the ROM was before."""
    return version_in(stage.board.info(), "a")


def blink_ms(stage):
    """The LED is the application's, and changes faster with each major version."""
    seen = stage.board.event_count()
    wait_for("the LED blinks", lambda: len(stage.board.events("led", seen)) > 2, 10)
    _, off, on = stage.board.events("led", seen)[:3]
    return round((on["t_ns"] - off["t_ns"]) / 1e6)


def runs(stage, version, payload):
    """Is it in flash, was it started, and does it say so itself?"""
    half_period = 500 // int(version.split(".")[0])
    return (stage.node.flash(len(payload)) == payload and not stage.node.in_rom() and
            abs(blink_ms(stage) - half_period) <= 1 and answer(stage) == version)


def update_by_http(stage, version, wire):
    """Publishes a version at the URL, where a gateway looks once."""
    image, payload = stage.release(version)
    stage.web.publish(image.read_bytes())
    start = written(stage)
    stage.start_gateway(wire, source="http", url=stage.web.url)
    say("the gateway reads and verifies all of it, then pulls BOOT0 and NRST, and writes, the vectors last")
    watch_update(stage, payload, start)
    stage.expect_success()
    say(f"BOOT0 low, NRST: {answer(stage)} answers on the UART; its LED changes each {blink_ms(stage)} ms")
    return runs(stage, version, payload), f"{version} runs, by its own word and its LED; flash holds all of it"


def scene_uart(stage):
    headline("1  1.0.0 at a plain URL: HTTP -> gateway -> ST's ROM over UART, into a blank chip")
    good, text = update_by_http(stage, "1.0.0", "UART")
    stage.board.command("reset")
    again = blink_ms(stage) > 0 and not stage.board.command("rom")["empty"]
    say("an ordinary reset starts it too: the gateway made the chip look at its flash again")
    return good and again and answer(stage) == "1.0.0", text


def scene_i2c(stage):
    headline("2  2.0.0 at the same URL: HTTP -> gateway -> ST's ROM over I2C")
    erases, _ = stage.node.counters()
    good, text = update_by_http(stage, "2.0.0", "I2C")
    stage.pages = stage.node.counters()[0] - erases
    return good, text


def refused(stage, content, reason):
    """Offers an image on both wires. True if the gateway says why, and the chip never heard of it."""
    stage.web.publish(content)
    before = stage.board.command("counters")
    done = [stage.gateway_once(wire, source="http", url=stage.web.url) for wire in WIRES]
    after = stage.board.command("counters")
    good = (all(d.returncode == 1 and reason in d.stderr for d in done) and
            all(after[name] == before[name] for name in ("erases", "bytes_programmed", "resets")))
    say(f"refused as {reason}, on both wires, before the chip was reset" if good else f"not refused as {reason}")
    return good


def scene_refused(stage):
    headline("3  An image signed with a wrong key, and one with a bit changed: the ROM would take both")
    _, payload = stage.release("2.0.0")
    image, _ = stage.release("3.0.0", Key(stage.folder, "wrong"))
    good = refused(stage, image.read_bytes(), "IMAGE_KEY")
    content = bytearray(stage.release("3.0.0")[0].read_bytes())
    content[len(content) // 2] ^= 1
    good = refused(stage, bytes(content), "IMAGE_HASH") and good
    return good and runs(stage, "2.0.0", payload), "refused by the gateway on both wires, 0 erases, 0 resets"


def starts_nothing(stage):
    """Power comes back with BOOT0 low: no vectors, so an L4 starts its ROM, and others stop at once."""
    seen = stage.board.event_count()
    stage.board.command("pin", pin="BOOT0", level=0)
    stage.board.command("power_on")
    wait_for("the chip has nothing to start", lambda: stage.board.command("rom")["ready"] or
             stage.board.command("status")["lockup"], 10)
    return not stage.board.events("led", seen)


def scene_power_cut(stage):
    headline("4  3.0.0 from Ferry's server, over I2C, and the power is pulled in the middle of the writing")
    image, payload = stage.release("3.0.0")
    start, (erases, _) = written(stage), stage.node.counters()
    stage.follow_server()
    stage.server.publish([image])
    watch_update(stage, payload, start, until=len(payload) // 2)
    stage.board.command("power_cut")
    vectors = stage.node.flash(8)
    say(f"power is gone; where the vectors were: {vectors.hex(' ')}")
    time.sleep(0.5)
    dead = starts_nothing(stage)
    say("power is back, with BOOT0 low: " + ("nothing starts, the ROM listens" if dead else "something starts"))
    watch_update(stage, payload, start, until=len(payload))
    stage.server.finished("3.0.0", "success")
    stage.stop_gateway()
    twice = stage.node.counters()[0] - erases - stage.pages
    say(f"the gateway goes on by itself: {stage.pages + twice} erases for {stage.pages} pages, as what was there stays")
    good = dead and vectors == bytes([0xFF] * 8) and 0 <= twice <= 2 and runs(stage, "3.0.0", payload)
    return good, f"nothing half-written started; 3.0.0 runs, the server was told; pages erased twice: {twice}"


def scene_again(stage):
    headline("5  3.0.0 once more, from a file, over UART")
    image, payload = stage.release("3.0.0")
    before, flash = stage.board.command("counters"), stage.node.counters()
    done = stage.gateway_once("UART", source="file", path=image, confirm="readback", file="file.conf")
    read = stage.board.command("counters")["uart_from_node"] - before["uart_from_node"]
    erases, words = (now - then for now, then in zip(stage.node.counters(), flash))
    say(f"the gateway compared: {read // 1024} KB were read")
    good = (done.returncode == 0 and (erases, words) == (0, 0) and read > len(payload) and
            runs(stage, "3.0.0", payload))
    return good, f"only reads: {erases} erases, {words} double words written; 3.0.0 runs"
