"""Conditions and areas."""

import pytest

from edgefuse.evaluation.robustness import conditions, effective_robustness, relative_robustness


def names(**kinds: str) -> list[str]:
    return [one.name for one in conditions(kinds, {})]  # type: ignore[arg-type]


def test_conditions_of_two() -> None:
    """Of two modalities each can be gone, alone, noisy; only what has a time is late, frozen or out of step."""
    assert names(image="image", audio="waveform") == [
        *("clean", "without_image", "without_audio", "only_image", "only_audio", "noise_image", "noise_audio"),
        *("delayed_audio", "frozen_audio"),
    ]


def test_conditions_of_three_and_five() -> None:
    """Of three, pairs are gone too and two with a time get out of step; of five, neither pairs nor each alone."""
    three = names(a="sequence", b="frames", c="table")
    assert {"without_a_b", "without_b_c", "only_c", "desynchronised", "delayed_b"} <= set(three)
    assert not {"delayed_c", "frozen_c"} & set(three)
    five = names(a="table", b="table", c="table", d="table", e="table")
    assert "without_e" in five
    assert not any("_a_" in name or name.startswith("only") for name in five)
    assert names(a="table") == ["clean", "noise_a"]


def test_out_of_step_is_from_early_to_late() -> None:
    """Each modality is shifted differently."""
    last = conditions({"a": "sequence", "b": "frames", "c": "waveform"}, {"a": {"delay": 0.5}})[-1]
    assert [one.severity for one in last.wrong.values()] == [-1, 0, 1]
    assert last.wrong["a"].option("delay") == 0.5


def test_areas() -> None:
    """A flat curve keeps its height; a baseline that falls as much from elsewhere leaves no effective robustness."""
    assert relative_robustness([0.8] * 5) == pytest.approx(0.8)
    assert relative_robustness([1, 0.5, 0], (0, 0.5, 1)) == pytest.approx(0.5)
    assert effective_robustness([0.9, 0.8, 0.7, 0.6, 0.5], [0.7, 0.6, 0.5, 0.4, 0.3]) == pytest.approx(0)
    assert effective_robustness([0.9] * 5, [0.9, 0.8, 0.7, 0.6, 0.5]) == pytest.approx(0.2)
