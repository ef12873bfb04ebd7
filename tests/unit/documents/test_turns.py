"""Who may use the processors: what is short is over soon, and nothing stands still for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voiceagent.documents.parse.turns import Reading, Turns

_STEP_S = 0.02


def simulated(
    turns: Turns, processors: int, needs_s: dict[int, float], arrives_s: dict[int, float]
) -> dict[int, float]:
    """When each reading is over, on processors shared evenly among those that are chosen."""
    readings: dict[int, Reading] = {}
    over: dict[int, float] = {}
    now_s = 0.0
    while len(over) < len(needs_s):
        for number, at_s in arrives_s.items():
            if at_s <= now_s and number not in readings and number not in over:
                readings[number] = Reading(number, ran_s=now_s)
        chosen = turns.chosen(readings.values(), now_s)
        share_s = _STEP_S * min(1.0, processors / max(len(chosen), 1))
        now_s += _STEP_S
        for number in chosen:
            readings[number].used_s += share_s
            if readings[number].used_s >= needs_s[number]:
                over[number] = now_s
                del readings[number]
    return over


def test_a_short_file_does_not_wait_for_eight_long_ones() -> None:
    needs_s = {number: 10.0 for number in range(8)} | {8: 0.1}
    over = simulated(Turns(2), 2, needs_s, {number: 0.0 for number in range(8)} | {8: 2.0})
    assert over[8] - 2.0 <= 0.2


def test_a_long_file_goes_on_however_many_short_ones_come() -> None:
    needs_s = {0: 1.0} | {number: 0.06 for number in range(1, 600)}
    arrives_s = {0: 0.0} | {number: number * 0.03 for number in range(1, 600)}  # all that two processors can do
    over = simulated(Turns(2), 2, needs_s, arrives_s)
    assert over[0] < 12.0


def test_all_run_while_there_are_processors_for_all() -> None:
    readings = [Reading(number, used_s=number) for number in range(3)]
    assert Turns(2).chosen(readings, 0.0) == {0, 1, 2}


@given(st.lists(st.floats(0.0, 30.0), max_size=20), st.integers(1, 8))
def test_as_many_run_as_there_are_processors_and_one_guest(used_s: list[float], processors: int) -> None:
    turns = Turns(processors)
    readings = [Reading(number, used_s=used) for number, used in enumerate(used_s)]
    running = turns.chosen(readings, 1.0)
    assert len(running) == min(len(readings), turns.seats)
    least = sorted(used_s)[:processors]
    assert all(any(readings[number].used_s <= bound + 0.03 for number in running) for bound in least)
