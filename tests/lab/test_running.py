import pytest
import torch

from gradwell.errors import OptionError, TrainingError
from gradwell.lab import measured, results, run
from gradwell.lab.running import with_knobs
from tests.lab.example import Walk


def test_a_result_holds_the_rows_of_every_seed_and_both_verdicts():
    result = run(Walk(), seeds=3)
    assert [row["seed"] for row in result.main.rows] == [seed for seed in range(3) for _ in range(20)]
    assert result.main.verdict.holds
    assert not result.control.verdict.holds
    assert (result.word, result.stands) == ("holds", True)
    assert result.control.knobs == {**result.main.knobs, "drift": -1.0}
    assert result.command == "gradwell lab run walk --seeds 3"


def test_a_claim_that_holds_without_its_cause_is_not_shown():
    class Blind(Walk):
        def judge(self, rows):
            return type(super().judge(rows))(True, "I always say so")

    assert run(Blind(), seeds=1).word == "not shown"


def test_the_command_names_the_knobs_that_were_turned():
    assert run(Walk(steps=4, sizes=(1.0, 3.0)), 1).command == "gradwell lab run walk --seeds 1 --knob steps=4 --knob sizes=1.0,3.0"


def test_several_processes_measure_the_same_rows_as_one():
    walks = [Walk(), with_knobs(Walk(name="y"), quick=True)]
    alone = {result.main.knobs["name"]: result for result in results(walks, seeds=2)}
    for result in results(walks, seeds=2, jobs=2):
        assert (result.main, result.control) == (alone[result.main.knobs["name"]].main, alone[result.main.knobs["name"]].control)


def test_measuring_leaves_random_state_and_threads_as_they_were():
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    assert measured(Walk(), 0) == measured(Walk(), 0) != measured(Walk(), 1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_rows_are_told_as_they_come_and_then_the_end_of_the_seed():
    told = []
    measured(Walk(steps=2), 7, lambda one, row: told.append(row and row["seed"]))
    assert told == [7, 7, None]


def test_knobs_that_do_not_go_together_end_in_one_sentence():
    with pytest.raises(TrainingError, match=r"walk cannot be measured with steps=13, .*: float division by zero|division by zero"):
        run(Walk(steps=13), 1)


@pytest.mark.parametrize("what", ["seeds", "jobs"])
def test_numbers_below_one_are_refused(what):
    with pytest.raises(OptionError, match=f"{what} must be at least 1, not 0"):
        run(Walk(), **{what: 0})
