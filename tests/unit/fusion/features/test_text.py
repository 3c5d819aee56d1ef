"""Text as hashed ids."""

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.fusion.card import FeatureSpec
from edgefuse.fusion.features import build
from edgefuse.fusion.features.text import Tokens


def texts(*given: str) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.array(given, dtype=object)


def test_the_same_words_have_the_same_ids_everywhere() -> None:
    """Ids come from a checksum: no vocabulary, no seed, the same in every process."""
    ids = Tokens(length=4, buckets=1 << 32)(texts("Turn 123456789, NOW!", "now", ""))
    assert ids.dtype == np.int64
    assert ids[0, 1] == 1 + 0xCBF43926  # the check value of CRC-32
    assert ids[1].tolist() == [ids[0, 2], 0, 0, 0]
    assert not ids[2].any()


def test_what_does_not_fit_is_dropped() -> None:
    """Only the first units are kept, and no id exceeds the buckets."""
    ids = Tokens(length=2, buckets=3)(texts("one two three"))
    assert ids.shape == (1, 2)
    assert (ids >= 1).all()
    assert (ids <= 3).all()


def test_words_of_one_stem_share_ngrams() -> None:
    """`light` and `lights` have most n-grams in common, `stop` none."""
    light, lights, stop = (set(row[row > 0]) for row in Tokens("ngrams", 40)(texts("light", "lights", "stop")))
    assert len(light & lights) >= 9
    assert not light & stop


def test_characters_keep_their_order() -> None:
    """One id a character, words separated by one space, other letters than Latin too."""
    ids = Tokens("characters", 8)(texts("ab  ba", "灯"))
    assert ids[0, 0] == ids[0, 4]
    assert ids[0, 1] == ids[0, 3]
    assert (ids[0] > 0).sum() == 5
    assert (ids[1] > 0).sum() == 1


@pytest.mark.parametrize("options", [{"unit": "syllables"}, {"length": 0}, {"shortest": 3, "longest": 2}, {"n": 1}])
def test_wrong_options_are_told(options: dict[str, object]) -> None:
    """They are a mistake of the configuration."""
    with pytest.raises(ConfigError, match="tokens"):
        build(FeatureSpec(kind="tokens", options=options))


def test_a_list_of_phrases_has_a_row_for_each() -> None:
    """Phrases are parted by semicolons; those beyond the number are dropped, and what is not there is zeros."""
    feature = Tokens("characters", 6, phrases=3)
    ids = feature(texts("Lights on;off", "a;b;c;d"))
    assert ids.shape == (2, 3, 6)
    assert (ids[0, 1] > 0).sum() == 3
    assert not ids[0, 2].any()
    np.testing.assert_array_equal(ids[0, 0], Tokens("characters", 6)(texts("lights on"))[0])
