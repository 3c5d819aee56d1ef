"""The checks of `edgefuse.testing` over every part that is registered, those of third parties too."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from edgefuse.config.models import Device, Site, Thing
from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.health import PartHealth
from edgefuse.core.ports import Model
from edgefuse.core.types import SAMPLE_RATE, SECOND, AudioChunk, Frame, HealthChange, Modality, Observation, Sample
from edgefuse.demo.sound import speak, synthesiser
from edgefuse.engines.store import Store
from edgefuse.pipeline.clock import SystemClock
from edgefuse.registry import Kind, config_of, load, names
from edgefuse.testing import (
    FakeBus,
    check_backend,
    check_config,
    check_detector,
    check_fuser,
    check_publisher,
    check_source,
    make_context,
    ordinary,
    run_all,
)
from edgefuse.testing.trained import Shelf, Sum

CONFIGURED: tuple[Kind, ...] = ("source", "detector", "fuser", "publisher")
BAYES = {
    "prior": 0.1,
    "evidence": [
        {"from": "eyes", "label": "person", "if_true": 0.9, "if_false": 0.05, "half_life_s": 10},
        {"from": "pir", "label": "motion", "equals": True, "if_true": 0.8, "if_false": 0.1, "half_life_s": 5},
    ],
}
LEARNED = {
    "model": "sum",
    "label": "yes",
    "inputs": {
        "person": {"from": "eyes", "label": "person"},
        "motion": {"from": "pir", "label": "motion"},
    },
}


def configured(kind: Kind, name: str, settings: dict[str, Any]) -> Any:
    """A Config of its type and these settings; skips where a part needs more than anyone else can know."""
    given = {"fuser" if kind == "fuser" else "type": name, **({"on": ["source"]} if kind == "detector" else {})}
    try:
        return config_of(kind, name)(**given, **settings)
    except ValidationError as error:
        pytest.skip(f"{kind} {name} needs {error.error_count()} settings: its author calls testing.check_{kind}")


def built(kind: Kind, name: str, config: Any, context: Any) -> Any:
    """The part; skips where a library or device driver is not installed."""
    try:
        return load(kind, name)(config, context)
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in CONFIGURED for name in names(kind)])
def test_config(kind: Kind, name: str) -> None:
    """The Config is strict, frozen, described, and chosen by the name of the part."""
    config = config_of(kind, name)
    run_all(check_config(config))

    key = "fuser" if kind == "fuser" else "type"
    assert config.model_json_schema()["properties"][key]["const"] == name


@pytest.fixture
def source_settings(media: Path, request: pytest.FixtureRequest) -> Callable[[str], dict[str, Any]]:
    """What the sources that come with edgefuse need to give samples here."""

    def settings(name: str) -> dict[str, Any]:
        if name == "camera":
            return {"url": str(request.getfixturevalue("video"))}
        known: dict[str, dict[str, Any]] = {
            "recorded": {"file": media / "sound.wav"},
            "mqtt": {"topic": "zigbee2mqtt/+"},
            "things": {"states": {"hall_light": "zigbee2mqtt/hall_light"}},
        }
        return known.get(name, {})

    return settings


LEAST = {"camera": 3, "recorded": 3, "mqtt": 2}
"""Samples that must come where no device is needed."""


@pytest.mark.parametrize("name", names("source"))
def test_source(name: str, source_settings: Callable[[str], dict[str, Any]], bus: FakeBus) -> None:
    """A source gives well-formed samples or raises SourceError, stops when told, and runs again."""
    config = configured("source", name, source_settings(name))

    def make() -> Any:
        return built("source", name, config, make_context(clock=SystemClock(), bus=bus, kind="source"))

    run_all(check_source(make, for_s=0.8, least=LEAST.get(name, 0)))


@pytest.mark.parametrize("file", ["sound.wav", "table.csv", "video.avi"])
def test_recorded_is_repeatable(file: str, media: Path, video: Path) -> None:
    """A recording gives the same samples at the same times in every run."""
    assert video.exists()
    config = configured("source", "recorded", {"file": media / file, "pace": "fast"})

    def make() -> Any:
        return built("source", "recorded", config, make_context(clock=SystemClock(), kind="source"))

    run_all(check_source(make, for_s=20, least=3, repeatable=True))


OURS = ("voice", "objects", "climate")
"""Detectors that must find something in the samples of this test."""
CHUNK = 512


def samples_for(detector: Any, folder: Path) -> Sequence[Sample]:
    """What a detector is made for: a spoken order, pictures that end with a real person, or a warm day."""
    samples = ordinary(detector.accepts[0])
    if detector.accepts[0] is AudioChunk:
        return spoken(folder)
    if detector.accepts[0] is not Frame:
        return samples
    data = pytest.importorskip("skimage.data")
    person = np.ascontiguousarray(data.astronaut()[..., ::-1])
    person.setflags(write=False)
    end = samples[9].t
    return [*samples[:10], *(Frame("source", "hall", end + i * SECOND, person) for i in range(1, 4))]


def spoken(folder: Path) -> Sequence[Sample]:
    """Wake word and order from a synthesiser, with quiet around them; skips where none is installed."""
    try:
        phrases = [speak(synthesiser(), "slt", text, folder) for text in ("alexa", "turn on the hall light")]
    except ConfigError as error:
        pytest.skip(str(error))
    quiet = [np.zeros(round(s * SAMPLE_RATE)) for s in (1.0, 0.3, 2.0)]
    sound = np.concatenate([quiet[0], phrases[0], quiet[1], phrases[1], quiet[2]])
    pcm = (sound * 32767).astype(np.int16)
    pcm.setflags(write=False)
    starts = range(0, len(pcm) - CHUNK, CHUNK)
    return [AudioChunk("source", "hall", n * SECOND // SAMPLE_RATE, pcm[n : n + CHUNK]) for n in starts]


@pytest.mark.parametrize("name", names("detector"))
@pytest.mark.timeout(300)
def test_detector(name: str, store: Store, tmp_path: Path) -> None:
    """A detector repeats itself, changes no sample, survives broken ones, and says only what JSON can hold."""
    config = configured("detector", name, {})
    light = Thing(area="hall", kind="light", set="hall_light/set")
    site = Site(device=Device(id="test", area="hall"), detectors={"part": config}, things={"hall_light": light})

    def make() -> Any:
        return built("detector", name, config, make_context(models=store, site=site))

    probe = make()
    try:
        probe.warm_up()
    except ModelError as error:
        pytest.skip(f"its model is not here: {str(error).splitlines()[0]}")
    probe.close()
    run_all(check_detector(make, samples_for(probe, tmp_path), least=1 if name in OURS else 0))


class Noting:
    """The real store; remembers what it was asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: set[str] = set()

    def path(self, name: str) -> Path:
        self.asked.add(name)
        return self._store.path(name)

    def card(self, name: str) -> Mapping[str, Any]:
        return self._store.card(name)

    def engine(self, name: str) -> tuple[str, str]:
        return self._store.engine(name)

    def load(self, name: str, health: PartHealth, threads: int | None = None) -> Model:
        self.asked.add(name)
        return self._store.load(name, health, threads)


@pytest.mark.parametrize("name", names("detector"))
@pytest.mark.timeout(300)
def test_detector_names_its_models(name: str, store: Store) -> None:
    """`models(config)`, which `edgefuse models pull --config` asks, names every model that the detector loads."""
    config = configured("detector", name, {})
    models = Noting(store)
    detector = built("detector", name, config, make_context(models=models))
    try:
        detector.warm_up()
    except ModelError as error:
        pytest.skip(f"its model is not here: {str(error).splitlines()[0]}")
    finally:
        detector.close()
    named = load("detector", name).models(config) if models.asked else []

    assert models.asked == set(named)


def facts() -> list[Observation | HealthChange]:
    """A person comes, the sensor stirs, the camera dies."""
    seen = [
        Observation(f"eyes/cam/{t}/0", "eyes", "cam", "vision", "object", "person", 0.9, t, t)
        for t in range(SECOND, 5 * SECOND, SECOND)
    ]
    data = {"value": True, "unit": "", "retained": False}
    felt = [
        Observation(f"pir/pir/{t}/0", "pir", "pir", "sensor", "reading", "motion", 1.0, t, t, data=data)
        for t in (2 * SECOND, 6 * SECOND)
    ]
    dead = HealthChange("eyes", "failed", "unplugged", 7 * SECOND)
    alive = [HealthChange(name, "ok", "", 0) for name in ("eyes", "pir")]
    return sorted([*alive, *seen, *felt, dead], key=lambda fact: fact.end if isinstance(fact, Observation) else fact.t)


@pytest.mark.parametrize("name", names("fuser"))
def test_fuser(name: str) -> None:
    """A fuser is pure under repetition; what it says adds up."""
    config = configured("fuser", name, {"bayes": BAYES, "learned": LEARNED}.get(name, {}))

    def make() -> Any:
        models = Shelf(Sum({"person": 3.0, "motion": 2.0}, bias=-2.0))
        modalities: dict[str, Modality] = {"eyes": "vision", "pir": "sensor"}
        context = make_context("hall.used", kind="belief", models=models, modalities=modalities)
        return built("fuser", name, config, context)

    run_all(check_fuser(make, facts()))


@pytest.mark.parametrize("name", names("publisher"))
def test_publisher(name: str, tmp_path: Path, bus: FakeBus) -> None:
    """A publisher takes every kind of message, twice too, and closes twice."""
    config = configured("publisher", name, {"jsonl": {"path": tmp_path / "out.jsonl"}}.get(name, {}))

    def make() -> Any:
        return built("publisher", name, config, make_context(kind="publisher", bus=bus))

    run_all(check_publisher(make))


@pytest.mark.parametrize("name", names("backend"))
def test_backend(name: str, tmp_path: Path) -> None:
    """A backend infers the same again, refuses wrong feeds and files with the right error, and closes twice."""
    onnx = pytest.importorskip("onnx")
    backend = load("backend", name)
    if not (probe := backend().probe()).usable:
        pytest.skip(f"{name} is not usable here: {probe.reason}")
    tensor, helper = onnx.TensorProto.FLOAT, onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Add", ["y", "x"], ["z"])],
        "relu",
        [helper.make_tensor_value_info("x", tensor, [1, 4])],
        [helper.make_tensor_value_info("z", tensor, [1, 4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(tmp_path / "relu.onnx"))

    run_all(check_backend(backend, tmp_path / "relu.onnx", {"x": np.array([[-1, 0, 1, 2]], np.float32)}))
