"""claim: a number in its band passes, without being printed; one outside, or a control inside, stops the lesson."""

import pytest
import torch

from lessons_lib.course.claims import claim, runs, tell


def test_prints_the_band_and_no_measured_number(capsys):
    claim(11, "the gain in thin recall", torch.tensor(0.123), above=0.05, control=0.01, null=0.0)
    assert capsys.readouterr().out == (
        "Claim 11: the gain in thin recall is above 0.05\n"
        "          not so: the control, a model that has learned nothing\n"
    )
    claim(0, "the error", 1.5, above=1, below=2)
    assert capsys.readouterr().out == "the error is above 1 and below 2\n"


def test_functions_are_called_with_each_seed(capsys):
    called = []
    claim(6, "the gap", lambda seed: called.append(seed) or 0.0, below=1, seeds=5, null=lambda seed: 1)
    assert called == [0, 1, 2, 3, 4]
    assert capsys.readouterr().out == (
        "Claim 6: the gap is below 1, for each of 5 seeds\n         not so: a model that has learned nothing\n"
    )


@pytest.mark.parametrize("value", [0.05, 0.0, float("nan")])
def test_a_value_on_or_outside_the_band_stops(value):
    with pytest.raises(AssertionError, match=r"claim 11: the gain must be above 0.05, got"):
        claim(11, "the gain", value, above=0.05)


def test_one_bad_seed_stops():
    with pytest.raises(AssertionError, match="must be below 3, got 3"):
        claim(6, "the gap", lambda seed: seed, below=3, seeds=5)


@pytest.mark.parametrize(
    "roles, role", [({"control": 0.06}, "the control"), ({"null": 0.07}, "a model that has learned nothing")]
)
def test_a_control_inside_the_band_stops(roles, role):
    with pytest.raises(AssertionError, match=f"claim 11: {role} must not be above 0.05, got 0.0[67]"):
        claim(11, "the gain", 0.5, above=0.05, **roles)


def test_a_claim_without_a_band_is_refused():
    with pytest.raises(ValueError, match="above or below must be given, got neither"):
        claim(11, "the gain", 1.0)


def test_runs_gives_what_each_run_measured(tmp_path, monkeypatch):
    (tmp_path / "lesson_42.json").write_text('{"runs": [{"seed": 0, "measured": {"a": 1}}, {"measured": {"a": 2}}]}')
    monkeypatch.setattr("lessons_lib.shipped.RESULTS", tmp_path)
    assert runs("42") == [{"a": 1}, {"a": 2}]


def test_on_data_of_ones_own_the_number_is_told_and_nothing_asserted(capsys):
    tell(0, "AP50", 0.034, above=0.6, control=0.9, null=0.0)
    assert capsys.readouterr().out == "AP50: 0.03 on your data; on the course's own it is above 0.6\n"
