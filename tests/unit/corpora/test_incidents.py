"""Composed incidents: truth from a seed, detectors with faults, pools that share nothing, windows with their class."""

from pathlib import Path

import numpy as np
import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.corpora import corpus
from edgefuse.corpora.incidents import CLASSES, GRIDS, STEPS, moments, whole, window
from edgefuse.corpora.incidents.home import CHANNELS, Home, Take, events, nominal, runs, take
from edgefuse.corpora.incidents.parts import Parts, library, passes, told
from edgefuse.corpora.incidents.rule import rule
from edgefuse.corpora.incidents.stories import DECOYS, QUIET, STORIES, episode, mixture
from edgefuse.corpora.incidents.world import INCIDENTS, RATE
from edgefuse.fusion.features.grid import GridOptions
from edgefuse.training.recipe import load_recipe

PERFECT = Home({}, {}, perfect=True)
NOBODY = Parts("nothing real")


def _taken(story: str, seed: int = 0, home: Home = PERFECT) -> Take:
    return take(episode(story, np.random.default_rng(seed)), home, NOBODY, np.random.default_rng(seed))


def _room(folder: Path, days: int = 3) -> Path:
    """An occupancy file of a few days, 40 minutes each, as the data set writes it."""
    rows = ['"date","Temperature","Humidity","Light","CO2","HumidityRatio","Occupancy"']
    for day in range(1, days + 1):
        rows += [
            f'"{n}","2015-02-0{day} 10:{n:02}:00",{20 + day + n / 100},{30 + n / 50},0,400,0.004,0' for n in range(40)
        ]
    (folder / "occupancy").mkdir(parents=True)
    (folder / "occupancy" / "some.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_an_incident_or_none(story: str) -> None:
    """Stories named after an incident hold it, with its first sign before its onset, inside; decoys and quiet none."""
    for seed in range(5):
        world = episode(story, np.random.default_rng(seed))
        assert 60 <= world.seconds <= 120
        if story in INCIDENTS:
            assert world.incident is not None
            assert world.incident.kind == story
            assert 0 < world.incident.first <= world.incident.onset < world.seconds
        else:
            assert world.incident is None


def test_half_are_incidents_of_every_kind() -> None:
    """Half of a mixture are incidents, every story is told, and its length is what was asked for."""
    stories = mixture(400, np.random.default_rng(0))
    assert len(stories) == 400
    assert sum(story in INCIDENTS for story in stories) == 200
    assert set(stories) == {*INCIDENTS, *DECOYS, *QUIET}


def test_a_seed_is_an_episode() -> None:
    """The same seed gives the same observations; another one does not."""
    one, same, other = (_taken("fire", seed, nominal()) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.streams["alarm"].values, same.streams["alarm"].values)
    np.testing.assert_array_equal(one.streams["alarm"].arrives, same.streams["alarm"].arrives)
    assert len(one.streams["alarm"].values) != len(other.streams["alarm"].values) or (
        one.streams["alarm"].times[0] != other.streams["alarm"].times[0]
    )


def test_perfect_detectors_tell_the_truth_at_once() -> None:
    """Without faults a score is 1 exactly while the sound sounds, and arrives when it was made."""
    taken = _taken("unattended_alarm")
    stream = taken.streams["alarm"]
    incident = taken.world.incident
    assert incident is not None
    assert (stream.values[stream.times < incident.first - 1] == 0).all()
    assert (stream.values[(stream.times > incident.first + 1) & (stream.times < incident.first + 20)] == 1).all()
    np.testing.assert_array_equal(stream.times, stream.arrives)


def test_faults_come_as_documented() -> None:
    """A detector misses about as many events as its model says, and everything arrives late."""
    heard = []
    for seed in range(150):
        taken = _taken("unattended_alarm", seed, nominal())
        assert all((each.arrives >= each.times).all() for each in taken.streams.values())
        assert taken.world.incident is not None
        stream = taken.streams["alarm"]
        during = (stream.times > taken.world.incident.first) & (stream.times < taken.world.incident.first + 20)
        heard.append((stream.values[during] > 0.5).sum() > 3)
    assert 0.82 < np.mean(heard) <= 0.98


def test_every_modality_shows_something_of_a_fall() -> None:
    """A fall that is seen and felt is told by camera, microphone and watch; afterwards nobody moves."""
    taken = next(
        one
        for one in (_taken("fall", seed) for seed in range(50))
        if one.world.impacts and one.world.flags["lying"].any()
    )
    assert taken.world.incident is not None
    after = taken.world.incident.onset + 8
    assert taken.streams["lying"].values.max() == 1
    assert taken.streams["jolt"].values.max() >= 3
    motion = taken.streams["motion"]
    assert motion.values[motion.times > after].max(initial=0) == 0


def test_pools_share_nothing(tmp_path: Path) -> None:
    """Every day lies in one pool, and what is left out lies in none."""
    found = library(_room(tmp_path), lambda name: name != "occupancy/2015-02-03")
    assert sorted(found.climate) == ["occupancy/2015-02-01", "occupancy/2015-02-02"]
    pools = found.pools(2)
    starts = [[float(day[0, 0]) for day in pool.climate] for pool in pools]
    assert starts == [[21.0], [22.0]]
    assert sum(len(pool.seen) for pool in pools) == len(passes())
    assert found.modelled == ["motion", "jolts"]
    assert [pool.origins[0] for pool in pools] == sorted(found.climate)
    assert sorted(name for pool in pools for name in pool.origins) == sorted([*found.climate, *passes()])


def test_scores_are_told_as_the_detector_tells_them() -> None:
    """Below the least score nothing is told; above, how sure it is, rising."""
    scores = told([0.3, 0.43, 0.6, 0.8])
    assert scores[0] == 0
    assert scores[1] == 0.5
    assert (np.diff(scores) > 0).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [('"date","Temperature"\n', r"some\.txt:1: expected columns"), (None, "found none of them")],
)
def test_data_of_another_layout_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    """A file without the columns is told with its line; a folder without any part as such."""
    if text is not None:
        (_room(tmp_path) / "occupancy" / "some.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        library(tmp_path)


def test_a_value_that_is_no_number_is_named(tmp_path: Path) -> None:
    """File, line and column of a bad value are told."""
    file = _room(tmp_path) / "occupancy" / "some.txt"
    file.write_text(file.read_text(encoding="utf-8").replace(",21.05,", ",warm,"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"some\.txt:7: expected a number in Temperature, got 'warm'"):
        library(tmp_path)


def test_windows_lie_where_their_class_is_true() -> None:
    """Windows of an incident end after its onset, those of none before its first sign."""
    taken = _taken("cry_alone", 2)
    incident = taken.world.incident
    assert incident is not None
    for t, label in moments(taken, 40, np.random.default_rng(0)):
        assert label == ("none" if t <= incident.first else "cry_alone")
        assert label == "none" or t >= int(incident.onset)


def test_a_stale_source_is_unknown() -> None:
    """From 5 s after a source fell silent until it speaks again its channels are unknown; others are not."""
    taken = _taken("people")
    silent = Take(taken.world, taken.streams, {"hall_mic": (20.0, 40.0)})
    grid = whole(silent, "audio")
    assert np.isnan(window(silent, "audio", grid, 30)).all()
    assert not np.isnan(window(silent, "audio", grid, 24)).any()
    assert not np.isnan(window(silent, "audio", grid, 41)).any()
    assert not np.isnan(window(silent, "sensor", whole(silent, "sensor"), 30)[-1]).any()


def test_the_rule_knows_what_perfect_detectors_show() -> None:
    """On perfect detectors the rule by hand is right about alarms and cries nobody comes to; its rows sum to 1."""
    names = {name: grid.channels for name, grid in GRIDS.items()}
    right = []
    for seed in range(12):
        kind = ("unattended_alarm", "cry_alone")[seed % 2]
        taken = _taken(kind, seed)
        assert taken.world.incident is not None
        t = int(taken.world.incident.onset + 5)
        rows = rule({name: window(taken, name, whole(taken, name), t)[None] for name in GRIDS}, names)
        np.testing.assert_allclose(rows.sum(axis=1), 1)
        right.append(CLASSES[int(rows[0].argmax())] == kind)
    assert np.mean(right) > 0.8


def test_sounds_are_told_as_events() -> None:
    """The onset of a sound and every 2 s of it are told, what is too faint is not, and its end neither."""
    times, values = events(np.arange(8.0), np.array([0.4, 0.8, 0.9, 0.4, 0.7, 0.0, 0.0, 0.6]))
    assert times.tolist() == [1, 4, 7]
    assert values.tolist() == [0.8, 0.7, 0.6]


def test_stretches() -> None:
    """Stretches of true are found with their ends, also at the edges."""
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, np.bool_)) == []


def test_the_corpus_is_read_by_name(tmp_path: Path) -> None:
    """Samples of every class in every pool, three modalities of 45 s, the same each time."""
    options = {"episodes": 60, "windows": 2, "pools": 2}
    one, again = (corpus.load("incidents", _room(tmp_path / str(n)), options) for n in range(2))
    assert {name: raw.data.shape[1:] for name, raw in one.raws.items()} == {
        name: (STEPS, len(channels)) for name, channels in CHANNELS.items()
    }
    assert len(one) == 120
    assert one.classes == CLASSES
    assert len(set(one.groups.tolist())) == 2
    assert set(one.labels.tolist()) == set(range(len(CLASSES)))
    assert one.rule is not None
    np.testing.assert_array_equal(one.raws["sensor"].data, again.raws["sensor"].data)
    assert one.raws["audio"].rate == 1
    assert RATE == 2
    assert one.parts[0][0] == "occupancy/2015-02-01"
    assert len(set(one.parts)) == 2


def test_other_days_have_other_stories(tmp_path: Path) -> None:
    """What is simulated for some data does not come again with others, which would be known to a model."""
    options = {"episodes": 20, "windows": 2, "pools": 2}
    one, other = (corpus.load("incidents", _room(tmp_path / str(days), days), options) for days in (2, 3))
    assert not np.array_equal(one.raws["audio"].data, other.raws["audio"].data, equal_nan=True)


def test_unknown_options_are_refused(tmp_path: Path) -> None:
    """A wrong option is told by name."""
    with pytest.raises(ConfigError, match=r"data\.options of corpus 'incidents': colour"):
        corpus.load("incidents", _room(tmp_path), {"colour": 1})


def test_the_recipe_samples_as_the_corpus_does() -> None:
    """Channels, steps, holds and rests of the recipe's features are those the corpus was composed with."""
    recipe = load_recipe("incidents")
    assert {
        name: GridOptions.model_validate(each.features.options) for name, each in recipe.modalities.items()
    } == GRIDS
