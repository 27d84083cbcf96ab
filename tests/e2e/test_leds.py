"""The LEDs of the F407 system, as events of the virtual board: exact roles, periods in virtual time."""
import pytest

from lab import Board, Keys, ferry, wait_for

BOARD = "stm32f407_discovery"
SLOT_A = 0x08020000
# The LEDs are set once a round of the main loop, which idles at most 1 ms; the board's clock period is
# rounded to picoseconds, 64 ppm.
TOLERANCE_NS = 1_000_000
MS = 1_000_000


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path, BOARD)


@pytest.fixture
def node(tmp_path, keys):
    """The board, provisioned with 1.0.0 in slot a, stopped before its first instruction."""
    board = Board(tmp_path, keys.provision(keys.sign_app("", "1.0.0")[0]), board=BOARD, speed=16,
                  options=("--paused",))
    try:
        yield board
    finally:
        board.stop()


def leds(board, after=0):
    """(time in ns, colour, on) of each change from event number `after` on."""
    return [(e["t_ns"], e["led"], e["on"]) for e in board.events("led", after)]


def changes(events):
    return [(colour, on) for _, colour, on in events]


def assert_blinks(events, colour, half_period_ms):
    """Only this LED changes, each half period, on and off in turn."""
    assert len(events) > 5
    assert {c for _, c, _ in events} == {colour}
    assert all(a[2] != b[2] for a, b in zip(events, events[1:]))
    for (before, _, _), (now, _, _) in zip(events, events[1:]):
        assert abs(now - before - half_period_ms * MS) <= TOLERANCE_NS


def test_start_of_slot_a(node):
    node.command("run", ms=5000)
    events = leds(node)
    # the bootloader, the jump to A, everything back to reset, the application
    assert changes(events[:2]) == [("red", True), ("green", True)]
    assert sorted(changes(events[2:4])) == [("green", False), ("red", False)]
    assert events[4][1:] == ("green", True)
    assert_blinks(events[5:], "green", 500)


def test_nothing_bootable(node):
    node.command("flash_load", address=SLOT_A, hex="00" * 4)  # no image header
    node.command("run", ms=500)
    before = node.event_count()
    node.command("run", ms=1000)
    assert_blinks(leds(node, before), "red", 100)
    assert len(leds(node, before)) in (9, 10, 11)


def is_orange(event):
    return event["event"] == "led" and event["led"] == "orange" and event["on"]


@pytest.mark.parametrize("options", [(), ("--bootloader",)], ids=["application", "bootloader"])
def test_update_to_slot_b(node, keys, options):
    """Blue: each kilobyte of a whole image, then the jump to B; orange: the application there."""
    image = keys.sign_app("_large", "1.1.0")[1]
    kilobytes = image.stat().st_size // 1024
    node.command("run", ms=1000)  # past the listen window
    node.command("resume")
    assert node.settled(60)["running"] == "a"
    before = node.event_count()
    ferry("send", "--port", node.port, *options, image)
    wait_for("slot b runs", lambda: any(is_orange(e) for e in node.events("led", before)), 60)
    node.command("pause")
    blue = [e for e in leds(node, before) if e[1] == "blue"]
    assert [on for _, _, on in blue[:kilobytes]] == [i % 2 == 0 for i in range(kilobytes)]
    rest = [("blue", False)] if kilobytes % 2 == 1 else []  # CLOSE ends it
    assert changes(blue[kilobytes:]) == rest + [("blue", True), ("blue", False)]
    before = node.event_count()
    node.command("run", ms=4000)
    assert_blinks(leds(node, before), "orange", 500)
