from __future__ import annotations

from dataclasses import replace

from gradwell.doctor.judge import Verdict
from gradwell.doctor.learned import Learned
from gradwell.doctor.record import Record
from gradwell.report.data import Report
from gradwell.report.terminal import as_text


def test_a_run_without_findings_takes_one_line_that_says_what_was_checked(well: Report) -> None:
    assert as_text(well, width=40) == (
        "gradwell: all is well: 20 rules checked over 450 steps (90 looked at closely); "
        "the loss ends at 0.0374, below the 2.3 of a predictor that ignores the input.")


def test_all_is_well_is_said_only_of_a_run_that_has_learned(well: Report) -> None:
    nothing = replace(well, verdict=replace(well.verdict, learned=Learned("no", because="the loss ends at 2.3")))
    assert as_text(nothing).startswith("gradwell: no fault was found")
    assert "but the run has learned nothing: the loss ends at 2.3." in as_text(nothing)
    assert "all is well" not in as_text(replace(well, verdict=replace(well.verdict, learned=Learned("unknown"))))
    idle = Report(Record.create(), well.verdict)
    assert as_text(idle) == "gradwell: nothing to judge: the weights were never updated."


def test_a_script_without_torch_is_told_so_in_one_line() -> None:
    report = Report(None, Verdict((), (), Learned("unknown")), ("the script did not import torch",))
    assert as_text(report) == "gradwell: nothing was measured: the script did not import torch."


def test_a_finding_gives_place_title_evidence_cause_and_remedy(sick: Report) -> None:
    assert """
note GW601 unscaled-input  net.2 (Linear)  train.py:12
  97 % of net.2 is not what it should be.
  evidence  share: 0.971; examples: 12,000; pairs: 0 at step 0 ... 1 at step 29; worst: nan
  cause     The learning rate of 1 threw the biases below zero.
  remedy    Call `model.train()` and lower the rate to 0.1.
""" in as_text(sick)


def test_five_findings_are_shown_and_the_rest_counted(sick: Report) -> None:
    text = as_text(sick)
    assert text.startswith("gradwell: 7 findings in train.py --lr 1; the 5 most blamed are shown.\n")
    assert "\n2 more in the page and the JSON.\n" in text
    assert "net.6 (Linear)  train.py" not in text


def test_consequences_are_named_in_one_line(sick: Report) -> None:
    assert "  explains  GW105 signal-collapse at net.8; GW605 input-ignored at net.18\n" in as_text(sick)


def test_a_finding_about_gradients_shows_the_gains_of_the_layers(sick: Report) -> None:
    rows = as_text(sick).split("  gains ")[1].split("\n\n")[0].split("\n")
    assert rows[0].split() == ["layer", "weights", "activation", "gradient"]  # normalization is 1 everywhere and left out
    assert rows[1].split() == ["net.0", "(Linear)", "-", "0.24", "2.55e-19"]
    assert len(rows) <= 15
    assert "... 18 layers between" in as_text(sick)


def test_the_run_is_described_above_its_findings(sick: Report) -> None:
    text = as_text(sick)
    assert "learned   no: the loss ends at 2.31, no better than the 2.3 of a predictor that ignores the input\n" in text
    assert "watching took 2.1 % of the run's time (0.42 of 20.1 seconds); the budget is 3 %\n" in text


def test_what_could_not_be_seen_is_said_even_when_all_is_well(sick: Report, well: Report) -> None:
    assert "the probe memory failed and switched itself off: OverflowError: too large" in as_text(sick)
    text = as_text(replace(well, notices=("a compiled region could not be looked into",)))
    assert text.startswith("gradwell: all is well as far as could be seen: ")
    assert text.endswith("\nnotice    a compiled region could not be looked into")


def test_of_a_run_that_was_cut_nobody_says_that_all_is_well(well: Report) -> None:
    assert as_text(replace(well, whole=False)).startswith("gradwell: no fault was found in the part that ran: ")


def test_user_text_is_neither_markup_nor_control_codes(sick: Report) -> None:
    assert "<script>alert(1)</script>[bold]net?[31m (Linear)" in as_text(sick)
    assert "\x1b" not in as_text(sick)


def test_colour_is_there_only_when_asked_for(sick: Report) -> None:
    assert "\x1b[1;31merror GW405 train-in-eval-mode\x1b[0m" in as_text(sick, color=True)


def test_no_line_of_a_finding_is_wider_than_the_terminal(sick: Report) -> None:
    for width in (50, 64, 80):
        assert all(len(line) <= width for line in as_text(sick, width=width).split("\n")[1:])
