from pathlib import Path

import pytest

from edgefuse.core.errors import ConfigError
from edgefuse.evaluation.grounding_cases import read_cases, read_scene_file
from edgefuse.evaluation.grounding_format import Expectation
from edgefuse.evaluation.grounding_judge import Act, Came, fits, wrongly_done
from edgefuse.evaluation.grounding_scene import scene_of

HOME = """\
home:
  device: {id: hub, area: den, timezone: Europe/Berlin}
  sources:
    cam: {type: camera, url: "rtsp://192.0.2.1/s", area: den, zones: {big_window: [[0, 0], [.2, 0], [.2, .4], [0, .4]]}}
  things:
    lamp: {area: den, kind: light, set: den/lamp}
    door: {area: hall, kind: lock, lock: LOCK, unlock: UNLOCK}
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "cases.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path) -> list[str]:
    """What is wrong, without the folder."""
    with pytest.raises(ConfigError) as raised:
        read_cases(path)
    return [problem.replace(f"{path.parent}/", "") for problem in raised.value.problems]


def test_scene_of_a_case_lies_over_its_base(tmp_path: Path) -> None:
    """States and readings are laid over those of the base entry by entry, other keys as a whole."""
    text = f"""{HOME}
scenes:
  day:
    cameras: [cam]
    states: {{lamp: "on", door: locked}}
    readings: {{den: {{temperature: 20, co2: 500}}}}
    time: "09:00"
cases:
  - words: x
    scene: {{base: day, states: {{lamp: "off"}}, readings: {{den: {{temperature: 21}}}}}}
    expect: {{refusal: true}}
"""
    cases = read_cases(written(tmp_path, text))
    scene = scene_of(cases.cases[0].turns[-1].scene, cases.site)

    assert (scene.states["lamp"].on, scene.states["door"].locked) == (False, True)
    assert scene.readings == {("den", "temperature"): 21, ("den", "co2"): 500}
    assert (scene.here, dict(scene.cameras)) == ("den", {"cam": "den"})
    assert scene.landmarks == {"cam": {"big window": (0.1, 0.2)}}
    assert scene.wall is not None
    assert scene.wall.isoformat()[-14:] == "09:00:00+01:00"


def test_scene_that_says_nothing_knows_nothing(tmp_path: Path) -> None:
    """Without a scene only the area of the device is known: no state, nobody seen, no camera that looks."""
    cases = read_cases(written(tmp_path, f"{HOME}cases: [{{words: x, expect: {{refusal: true}}}}]"))
    scene = scene_of(cases.cases[0].turns[0].scene, cases.site)

    assert scene.here == "den"
    assert [scene.persons, dict(scene.cameras), scene.states, scene.readings, scene.armed] == [(), {}, {}, {}, None]


def test_person_without_a_box_stands_where_the_feet_are(tmp_path: Path) -> None:
    """`at` becomes a box whose lower edge is there; a camera that sees somebody is alive."""
    case = "{words: x, scene: {persons: [{area: den, at: [0.5, 0.9]}]}, expect: {refusal: true}}"
    cases = read_cases(written(tmp_path, f"{HOME}cases: [{case}]"))
    scene = scene_of(cases.cases[0].turns[0].scene, cases.site)

    (person,) = scene.persons
    assert person.camera == "cam"
    assert person.feet == pytest.approx((0.5, 0.9))
    assert list(scene.cameras) == ["cam"]


def test_cases_may_stand_under_their_category(tmp_path: Path) -> None:
    """A mapping of lists gives every case its category and place; text in the history is a turn."""
    text = f"""{HOME}
cases:
  lamps:
    - {{words: b, history: [a], after_s: 9, expect: [{{intent: [turn_on, toggle], target: lamp}}, {{question: true}}]}}
"""
    (case,) = read_cases(written(tmp_path, text)).cases

    assert (case.category, case.split, case.place) == ("lamps", "dev", "cases.yaml:11")
    assert [(turn.words, turn.after_s) for turn in case.turns] == [("a", 2), ("b", 9)]
    assert case.expect[0].wanted[0].intent == ["turn_on", "toggle"]


def test_home_may_be_a_file(tmp_path: Path) -> None:
    """`home` is a path from the folder of the cases."""
    (tmp_path / "home.yaml").write_text("device: {id: hub}\nthings: {lamp: {kind: light}}\n", encoding="utf-8")
    text = "home: home.yaml\ncases: [{words: x, expect: {intent: turn_on, target: lamp}}]"

    assert list(read_cases(written(tmp_path, text)).site.things) == ["lamp"]


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ("[{words: x}]", "cases.yaml:8:9: cases[0].expect: expected 'expect', got nothing"),
        (
            "[{words: x, expect: {}}]",
            "expected an outcome: intent, orders, answer, question, refusal or nothing, got none",
        ),
        ("[{words: x, expect: {refusal: true, question: true}}]", "got question and refusal"),
        ("[{words: x, expect: {target: lamp, refusal: true}}]", "expected 'intent' beside 'target'"),
        ("[{words: x, expect: {intent: turn_onn}}]", "expected an intent, got 'turn_onn'; did you mean 'turn_on'?"),
        ("[{words: x, expect: {intent: turn_on, target: lump}}]", "expected a thing, got 'lump'; did you mean 'lamp'?"),
        ("[{words: x, scene: dya, NO}]", "expected the name of a scene, got 'dya'"),
        ("[{words: x, scene: {states: {lamp: dim}}, NO}]", "cases[0].scene.states.lamp: expected on, off"),
        ("[{words: x, scene: {states: {lump: on}}, NO}]", "scene.states.lump: expected a thing of the home"),
        ("[{words: x, scene: {cameras: [eye]}, NO}]", "scene.cameras[0]: expected a source, got 'eye'"),
        ("[{words: x, scene: {microphone: attic}, NO}]", "expected a source or an area, got 'attic'"),
        ("[{words: x, scene: {persons: [{at: [0, 1]}]}, NO}]", "expected 'camera' or 'area', got neither"),
        ("[{words: x, scene: {time: soon}, NO}]", 'expected a time such as "21:30"'),
        ("[{words: x, histroy: [a], NO}]", "expected no key of this name; did you mean 'history'?"),
    ],
)
def test_mistakes_are_told_with_their_place(cases: str, said: str, tmp_path: Path) -> None:
    """What is wrong with a case is told with file, line, column and path, what was expected and what is there."""
    text = HOME + "cases: " + cases.replace("NO", "expect: {refusal: true}")
    (found,) = problems(written(tmp_path, text))

    assert found.startswith("cases.yaml:8:")
    assert said in found


def test_mistakes_of_the_home_are_told_where_they_stand(tmp_path: Path) -> None:
    """A home inside the file is checked as a configuration, at its own lines."""
    text = HOME.replace("kind: light", "kidn: light") + "cases: [{words: x, expect: {refusal: true}}]"

    assert any(
        problem.startswith("cases.yaml:6:") and "kidn" in problem for problem in problems(written(tmp_path, text))
    )


def test_scenes_that_rest_upon_one_another_are_a_mistake(tmp_path: Path) -> None:
    """A circle of bases is told, not followed."""
    text = (
        f"{HOME}scenes: {{a: {{base: b}}, b: {{base: a}}}}\ncases: [{{words: x, scene: a, expect: {{refusal: true}}}}]"
    )

    assert "expected a scene that does not rest upon itself, got 'b'" in problems(written(tmp_path, text))[0]


def test_scene_in_a_file_of_its_own_is_json(tmp_path: Path) -> None:
    """`say --scene` reads JSON with the keys of a scene; a `base` makes no sense there."""
    site = read_cases(written(tmp_path, f"{HOME}cases: [{{words: x, expect: {{refusal: true}}}}]")).site
    path = tmp_path / "scene.json"
    path.write_text('{"states": {"lamp": "on"}, "armed": true}', encoding="utf-8")
    assert read_scene_file(path, site).armed

    path.write_text('{"base": "day"}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"scene\.json:1:10: base: expected no 'base'"):
        read_scene_file(path, site)


ON = Act("turn_on", ("lamp",))


@pytest.mark.parametrize(
    ("came", "expect", "right"),
    [
        (Came((ON,)), {"intent": "turn_on", "target": "lamp"}, True),
        (Came((ON,)), {"intent": ["toggle", "turn_on"]}, True),
        (Came((Act("turn_on", ("lamp", "fan")),)), {"intent": "turn_on", "target": "lamp"}, False),
        (Came((Act("turn_on", ("lamp", "fan")),)), {"intent": "turn_on", "target": "lamp", "may": ["fan"]}, True),
        (Came((ON, Act("turn_on", ("fan",)))), {"intent": "turn_on", "targets": ["lamp", "fan"]}, True),
        (Came((ON,)), {"intent": "turn_on", "targets": ["lamp", "fan"]}, False),
        (
            Came((Act("set_level", ("lamp",), {"level": "40.0"}),)),
            {"intent": "set_level", "slots": {"level": 40}},
            True,
        ),
        (Came((Act("set_level", ("lamp",), {"level": "41"}),)), {"intent": "set_level", "slots": {"level": 40}}, False),
        (Came((ON, Act("lock", ("door",)))), {"intent": "turn_on", "target": "lamp"}, False),
        (Came((ON, Act("lock", ("door",)))), {"orders": [{"intent": "turn_on"}, {"intent": "lock"}]}, True),
        (Came((ON, Act("turn_off", ("fan",)))), {"intent": "turn_on", "also": [{"intent": "turn_off"}]}, True),
        (Came((Act("yes"), ON)), {"intent": "turn_on"}, True),
        (Came((Act("query_time"), ON)), {"intent": "turn_on"}, False),
        (Came((), ("lamp", "fan")), {"question": True}, True),
        (Came((ON,), ("fan",)), {"question": True, "also": [{"intent": "turn_on"}]}, True),
        (Came((), ("lamp", "fan")), {"question": ["fan", "lamp"]}, True),
        (Came((), ("lamp",)), {"question": ["fan", "lamp"]}, False),
        (Came((ON,), ("lamp",)), {"question": True}, False),
        (Came(), {"refusal": True}, True),
        (Came(said="No.", answered=True), {"refusal": True}, False),
        (Came(said="No.", answered=True), {"nothing": True}, True),
        (Came((ON,)), {"nothing": True}, False),
        (
            Came((Act("query_state", ("door",)),), said="It is locked."),
            {"intent": "query_state", "answer": "locked"},
            True,
        ),
        (Came((Act("query_state", ("door",)),), said="It is unlocked."), {"answer": "locked"}, False),
        (Came((Act("query_value"),), said="It is 17 degrees."), {"answer": "17|seventeen"}, True),
        (Came((Act("query_time"),), said="It is 20:30."), {"intent": "query_time", "answer": "20:30"}, True),
    ],
)
def test_an_outcome_is_right_when_it_is_all_and_only_what_was_expected(
    came: Came,
    expect: dict[str, object],
    right: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    """Intents, targets and given slots must be right, and nothing else may be done."""
    assert fits(came, Expectation.model_validate(expect)) is right


@pytest.mark.parametrize(
    ("came", "expect", "wrong"),
    [
        (Came((ON,)), [{"refusal": True}], (ON,)),
        (Came((ON,)), [{"refusal": True}, {"intent": "turn_on"}], ()),
        (Came((ON,)), [{"intent": "turn_on", "target": "fan"}], (ON,)),
        (Came((Act("query_time"),)), [{"refusal": True}], ()),
        (Came((ON,)), [{"intent": "turn_on", "targets": ["lamp", "fan"]}], ()),
    ],
)
def test_a_wrong_action_is_one_that_no_outcome_has(
    came: Came, expect: list[dict[str, object]], wrong: tuple[Act, ...]
) -> None:
    """Half of what was asked is not right but nothing wrong; a query does nothing in the home."""
    assert wrongly_done(came, [Expectation.model_validate(each) for each in expect]) == wrong
