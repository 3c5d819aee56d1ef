from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import corpus as corpora
from edgefuse.corpora import feelings

cv2 = pytest.importorskip("cv2")


def test_voices_and_sentence_frames_belong_to_one_pool() -> None:
    """Nothing of one pool is in another."""
    for parts in (feelings.VOICES, feelings.TEMPLATES):
        flat = [one for part in parts for one in part]
        assert len(flat) == len(set(flat))


def test_sadness_is_lower_and_slower_than_joy() -> None:
    """The middles follow the literature; single voices overlap."""
    rng = np.random.default_rng(1)
    joy = [feelings.prosody(rng, "positive") for _ in range(200)]
    calm = [feelings.prosody(rng, "neutral") for _ in range(200)]
    assert np.mean([one.pitch for one in joy]) > np.mean([one.pitch for one in calm]) + 8
    assert min(one.pitch for one in joy) < np.mean([one.pitch for one in calm])


def test_words_are_ironic_now_and_then() -> None:
    """About a fifth of the sentences of a positive mood have a negative word."""
    rng = np.random.default_rng(2)
    said = [feelings.words(rng, "positive", "it was {}") for _ in range(400)]
    share = np.mean(feelings.lexicon_rule(said).argmax(1) == 2)
    assert 0.14 < share < 0.26


def test_the_rule_reads_the_lexicon() -> None:
    """Positive, neutral, negative, and neutral for what it does not know."""
    said = feelings.lexicon_rule(["it was great", "it was as usual", "it was awful", "what"])
    assert said.argmax(1).tolist() == [0, 1, 2, 1]
    assert np.allclose(said.sum(1), 1)


def test_a_label_that_is_not_known_is_named_by_line(tmp_path: Path) -> None:
    """The error says where and what is known."""
    (tmp_path / "labels.csv").write_text("a_1.jpg,joyful\n")
    with pytest.raises(ConfigError, match=r"labels\.csv:1.*happiness"):
        corpora.load("emotion", tmp_path, {})


def test_with_few_people_there_are_fewer_pools(tmp_path: Path) -> None:
    """Every pool has somebody of each class: two of each make two pools; a class without a face is told."""
    labels = {
        f"{name}_1.jpg": label for label in ("happiness", "neutral", "fear") for name in (f"A{label}", f"B{label}")
    }
    for name in labels:
        cv2.imwrite(str(tmp_path / name), np.full((20, 20), 90, np.uint8))
    table = tmp_path / "labels.csv"
    table.write_text("".join(f"{name},{label}\n" for name, label in labels.items()))
    corpus = corpora.load("emotion", tmp_path, {"scenes": 4})
    assert len(set(corpus.groups.tolist())) == 2
    people = [{parts[0] for parts in corpus.parts if parts[2] in voices} for voices in feelings.VOICES[:2]]
    assert not people[0] & people[1]
    assert {parts[3] for parts in corpus.parts} <= {one for each in feelings.TEMPLATES[:2] for one in each}
    table.write_text("Ahappiness_1.jpg,happiness\n")
    with pytest.raises(ConfigError, match="too few photographs: none is negative, neutral"):
        corpora.load("emotion", tmp_path, {})
