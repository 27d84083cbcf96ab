"""The trial of a new image and the way back, with the real binaries in virtual time: each sentence of
DESIGN.md, "Trial" has its case in tests/fuzz/board_trial.c."""
import pytest

from node_cases import BOARDS, Node

TWO_SLOTS = "stm32f411_blackpill"


@pytest.mark.parametrize("variant", ["_hang", "_fault", "_silent"])
def test_three_starts_then_the_old_image(tmp_path, variant):
    """A hang, a HardFault, and an application that feeds the watchdog and never confirms."""
    node = Node(tmp_path, TWO_SLOTS)
    node.case("attempts", other=node.sign(variant, node.free, "2.0.0", 2))


def test_watchdog_ends_an_unconfirmed_trial_after_120_s(tmp_path):
    Node(tmp_path, TWO_SLOTS).case("timeout")


def test_confirm_names_the_image_and_busy_trial(tmp_path):
    """CONFIRM counts only for the running trial and raises the counter; OPEN meanwhile is refused."""
    node = Node(tmp_path, TWO_SLOTS)
    node.case("confirm", other=node.sign("_silent", "b", "2.0.0", 2))


def test_fallback_in_both_directions(tmp_path):
    node = Node(tmp_path, TWO_SLOTS)
    node.case("fallback", other=node.sign("", "b", "2.0.0", 1))


def test_single_slot_listens_and_takes_the_last_release_again(tmp_path):
    node = Node(tmp_path, "stm32f411_single")
    node.case("single", other=node.sign("_hang", "a", "2.0.0", 2))


@pytest.mark.parametrize("board", BOARDS)
def test_journal_of_rubbish(tmp_path, board):
    """Random, zero, half-erased: what verifies is started; INFO tells when both sectors are lost."""
    print(Node(tmp_path, board).case("journal", "--count", 3, "--seed", 3))
