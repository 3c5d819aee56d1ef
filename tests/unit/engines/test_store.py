"""The model store, with files, packages and a web server of the test's own."""

import hashlib
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.core.health import PartHealth
from edgefuse.engines.store import Store, models_dir
from edgefuse.engines.tfjs import to_onnx
from edgefuse.pipeline.clock import SystemClock

MakeStore = Callable[..., Store]
SOURCE_OF_A = "sources: [{take: [{file: /, files: {a: a}}]}]}"
PULL = """
import sys
from pathlib import Path
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.engines.store import Store, models_dir
from edgefuse.engines.tfjs import to_onnx
from edgefuse.pipeline.clock import SystemClock
try:
    Store(ModelsConfig(dir=Path(sys.argv[1])), SystemClock()).pull([sys.argv[2]])
except ModelError as error:
    print(error)
    sys.exit(78)
"""


def pinned(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def from_folder(folder: Path, data: bytes, **more: Any) -> dict[str, Any]:
    """An entry with the file m.onnx, taken from a local folder."""
    folder.mkdir(exist_ok=True)
    (folder / "it.onnx").write_bytes(data)
    take: list[Mapping[str, Any]] = [{"file": str(folder), "files": {"m.onnx": "it.onnx"}}]
    return {"files": {"m.onnx": pinned(data)}, "sources": [{"take": take}], "card": {"format": "onnx"}, **more}


def pulling(models: Path, name: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PULL, str(models), name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def from_web(url: str, data: bytes) -> dict[str, Any]:
    take = [{"url": url, "files": {"m.bin": "m.bin"}}]
    return {"files": {"m.bin": pinned(data)}, "sources": [{"take": take}]}


def test_the_bundled_catalogue_is_valid(tmp_path: Path) -> None:
    """Every bundled model has a licence, a pinned hash and a source; no address of a registry is written down."""
    rows = Store(ModelsConfig(dir=tmp_path), SystemClock()).list()

    assert {"silero-vad", "nanodet", "whisper-tiny.en", "whisper-base"} <= {row.name for row in rows}
    assert {"alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"} <= {row.name for row in rows}
    assert all(row.licence and row.size > 300 for row in rows)
    assert not [row.name for row in rows if "http" in row.source]


def test_what_is_not_here_has_nothing_built(tmp_path: Path) -> None:
    """The list says of a missing model what it is to have, and not that an engine of it was built and passed."""
    rows = Store(ModelsConfig(dir=tmp_path), SystemClock()).list()
    missing = [row for row in rows if row.state == "missing" and row.precision]

    assert missing
    assert {row.precision for row in missing} == {"fp32"}
    assert not [row.why for row in missing if "built" in row.why]


def test_a_pulled_model_is_verified_and_loads(catalogue: MakeStore, tmp_path: Path, double_model: bytes) -> None:
    """After a pull the file is there, listed as cached, verified by a run, and its runs are counted."""
    store = catalogue(m=from_folder(tmp_path / "from", double_model))

    assert next(row for row in store.list() if row.name == "m").state == "missing"
    row = store.pull(["m"])[0]
    assert (row.state, row.path, row.source) == ("cached", str(store.path("m")), str(tmp_path / "from"))
    assert [(v.name, v.ok) for v in store.verify(["m"])] == [("m", True)]

    health = PartHealth("part", "detector")
    model = store.load("m", health)
    before = health.model_cpu
    x = np.ones((200_000, 3), np.float32)
    np.testing.assert_array_equal(model.run({"x": x})["y"], 2 * x)
    assert health.model_cpu > before
    engines = health.info["engines"]
    assert isinstance(engines, dict)
    engine = engines["m"]
    assert isinstance(engine, dict)
    assert (engine["engine"], engine["precision"]) == ("cpu", "fp32")
    assert str(engine["runs_on"]).endswith("CPUExecutionProvider")
    assert engine["threads"] == 1


def test_path_pulls_only_when_it_may(catalogue: MakeStore, tmp_path: Path, double_model: bytes) -> None:
    """With `pull: never` a missing model is an error that says what to run; with `auto` it is fetched."""
    entry = from_folder(tmp_path / "from", double_model)

    with pytest.raises(ModelError, match=r"'m' is not here: run `edgefuse models pull m`. Without a network: copy"):
        catalogue("never", m=entry).path("m")
    assert catalogue("auto", m=entry).path("m").read_bytes() == double_model


def test_an_unknown_name_lists_the_known_ones(catalogue: MakeStore) -> None:
    """The error for an unknown model names those that exist."""
    with pytest.raises(ModelError, match=r"unknown model 'nonsense' \(known: .*alexa, .*silero-vad"):
        catalogue().path("nonsense")


def test_a_wrong_hash_is_quarantined(catalogue: MakeStore, tmp_path: Path, double_model: bytes) -> None:
    """A file with another hash never reaches the cache; the error tells both hashes and where the file went."""
    entry = from_folder(tmp_path / "from", double_model)
    (tmp_path / "from" / "it.onnx").write_bytes(b"tampered")
    store = catalogue(m=entry)

    with pytest.raises(ModelError) as caught:
        store.pull(["m"])

    assert f"expected sha256 {entry['files']['m.onnx']['sha256']}" in str(caught.value)
    assert f"got {pinned(b'tampered')['sha256']} (8 bytes)" in str(caught.value)
    assert (store.dir / ".quarantine" / "m.onnx").read_bytes() == b"tampered"
    assert not (store.dir / "m").exists()


def test_the_next_source_is_tried(catalogue: MakeStore, tmp_path: Path, double_model: bytes) -> None:
    """A source that fails is passed over, and the list says which one served."""
    entry = from_folder(tmp_path / "from", double_model)
    gone = {"take": [{"file": str(tmp_path / "gone"), "files": {"m.onnx": "it.onnx"}}]}
    row = catalogue(m={**entry, "sources": [gone, *entry["sources"]]}).pull(["m"])[0]

    assert row.source == str(tmp_path / "from")


def test_every_failed_source_is_told(catalogue: MakeStore, tmp_path: Path, double_model: bytes) -> None:
    """When no source serves, the error has a line for each and says how to do without a network."""
    entry = from_folder(tmp_path / "from", double_model)
    gone = [{"take": [{"file": str(tmp_path / name), "files": {"m.onnx": "it"}}]} for name in ("one", "two")]

    with pytest.raises(
        ModelError, match=r"(?s)one/it: no such file.*two/it: no such file.*Without a network: copy m.on"
    ):
        catalogue(m={**entry, "sources": gone}).pull(["m"])


def test_a_changed_file_is_noticed(catalogue: MakeStore, tmp_path: Path, double_model: bytes) -> None:
    """A cached file that changed is corrupt and is not given out; the next pull repairs it."""
    store = catalogue("never", m=from_folder(tmp_path / "from", double_model))
    path = Path(store.pull(["m"])[0].path)
    path.write_bytes(double_model[:-1] + b"!")

    assert [row.state for row in store.list() if row.name == "m"] == ["corrupt"]
    with pytest.raises(ModelError):
        store.path("m")
    assert store.pull(["m"])[0].state == "cached"
    assert path.read_bytes() == double_model


def test_verify_sees_what_size_and_date_hide(catalogue: MakeStore, tmp_path: Path, double_model: bytes) -> None:
    """A flipped byte under the old size and date passes the quick look, not `verify`."""
    store = catalogue(m=from_folder(tmp_path / "from", double_model))
    path = store.path("m")
    stat = path.stat()
    path.write_bytes(bytes([double_model[0] ^ 1]) + double_model[1:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    verdict = store.verify(["m"])[0]

    assert not verdict.ok
    assert "m.onnx: expected sha256" in verdict.detail


def test_a_copied_file_needs_no_source(catalogue: MakeStore, tmp_path: Path, double_model: bytes) -> None:
    """A file put by hand into the folder is taken once its hash is right, and its hash is remembered."""
    store = catalogue("never", m=from_folder(tmp_path / "from", double_model))
    (store.dir / "m").mkdir()
    (store.dir / "m" / "m.onnx").write_bytes(double_model)

    assert store.path("m") == store.dir / "m" / "m.onnx"
    note = json.loads((store.dir / "m" / ".edgefuse.json").read_text(encoding="utf-8"))
    assert note["source"] == "copied by hand"


def test_verify_fails_for_what_does_not_load(catalogue: MakeStore, tmp_path: Path) -> None:
    """The right hash of a file that is no model is a bad verdict, and the runtime's reason is told."""
    verdict = (
        catalogue(m=from_folder(tmp_path / "from", b"not a model")).pull(["m"])
        and catalogue(m=from_folder(tmp_path / "from", b"not a model")).verify(["m"])[0]
    )

    assert not verdict.ok
    assert "cannot load it" in verdict.detail


def test_parts_are_joined_and_kept(catalogue: MakeStore, tmp_path: Path) -> None:
    """A model of two parts survives the loss of the second: the first is not fetched again."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    (one / "a").write_bytes(b"first ")
    take = [
        {"file": str(one), "files": {"m.bin.part1": "a"}},
        {"file": str(two), "files": {"m.bin.part2": "b"}},
    ]
    entry = {
        "files": {"m.bin": pinned(b"first second")},
        "raw": {"m.bin.part1": pinned(b"first "), "m.bin.part2": pinned(b"second")},
        "sources": [{"take": take, "convert": "concatenate"}],
    }
    store = catalogue(m=entry)
    with pytest.raises(ModelError, match="two/b: no such file"):
        store.pull(["m"])
    (one / "a").unlink()
    two.mkdir()
    (two / "b").write_bytes(b"second")

    store.pull(["m"])

    assert store.path("m").read_bytes() == b"first second"
    assert sorted(path.name for path in store.path("m").parent.iterdir()) == [".edgefuse.json", "m.bin"]


def test_a_graph_model_is_converted_and_pinned(catalogue: MakeStore, tmp_path: Path) -> None:
    """A TensorFlow.js model becomes the ONNX file whose hash is pinned; another result is refused."""
    shape = {"dim": [{"size": "1"}, {"size": "3"}]}
    nodes = [
        {"op": "Placeholder", "name": "x", "attr": {"shape": {"shape": shape}}},
        {"op": "Sigmoid", "name": "y", "input": ["x"]},
    ]
    signature = {"outputs": {"y": {"name": "y:0", "tensorShape": shape}}}
    graph = json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": [], "signature": signature}).encode()
    (tmp_path / "m.json").write_bytes(graph)
    onnx = to_onnx(tmp_path / "m.json")
    take = [{"file": str(tmp_path), "files": {"m.json": "m.json"}}]
    entry = {
        "raw": {"m.json": pinned(graph)},
        "sources": [{"take": take, "convert": "tfjs"}],
        "card": {"format": "onnx"},
    }

    store = catalogue(
        m={**entry, "files": {"m.onnx": pinned(onnx)}}, n={**entry, "files": {"m.onnx": pinned(b"other")}}
    )

    (one,) = store.pull(["m"]) and store.verify(["m"])
    assert one.ok
    assert re.fullmatch(r"sha256 matches, runs on onnxruntime [\d.]+ CPUExecutionProvider", one.detail)
    with pytest.raises(ModelError, match=r"m.onnx: expected sha256 .* after conversion \(tfjs\)"):
        store.pull(["n"])


def test_a_broken_connection_is_taken_up(catalogue: MakeStore, shop: Any) -> None:
    """A download that ends early continues with Range where it stopped."""
    data = os.urandom(300_000)
    shop.content["/m.bin"] = data
    shop.cut_after = 100_000

    store = catalogue(m=from_web(shop.url, data))
    heard: list[tuple[str, int, int]] = []
    store.pull(["m"], lambda *step: heard.append(step))

    assert store.path("m").read_bytes() == data
    assert shop.requests == ["/m.bin", "/m.bin bytes=100000-"]
    assert heard[-1] == ("m", len(data), len(data))


def test_a_killed_pull_is_continued(catalogue: MakeStore, shop: Any) -> None:
    """kill -9 in the middle leaves nothing in the cache, and the next pull asks only for the rest."""
    data = os.urandom(400_000)
    shop.content["/m.bin"] = data
    shop.pause_after = 150_000
    store = catalogue(m=from_web(shop.url, data))
    part = store.dir / ".staging" / "m" / "fetched" / "m.bin.part"

    with pulling(store.dir, "m") as process:
        while not part.exists() or part.stat().st_size < 150_000:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert not (store.dir / "m").exists()
    shop.go_on.set()
    store.pull(["m"])

    assert store.path("m").read_bytes() == data
    assert shop.requests[1] == "/m.bin bytes=150000-"


def test_two_processes_fetch_once(catalogue: MakeStore, shop: Any) -> None:
    """Of two processes that pull one model, one downloads; both succeed."""
    data = os.urandom(100_000)
    shop.content["/m.bin"] = data
    shop.pause_after = 50_000
    store = catalogue(m=from_web(shop.url, data))

    with pulling(store.dir, "m") as first, pulling(store.dir, "m") as second:
        while not shop.requests:
            assert first.poll() is None
            assert second.poll() is None
        shop.go_on.set()
        said = first.communicate()[0], second.communicate()[0]

    assert (first.returncode, second.returncode) == (0, 0), said
    assert shop.requests == ["/m.bin"]
    assert store.path("m").read_bytes() == data


def test_an_answer_of_the_server_is_told(catalogue: MakeStore, shop: Any) -> None:
    """A file that the server does not have is an error with its answer."""
    with pytest.raises(ModelError, match=r"m.bin: the server answered 404 Not Found"):
        catalogue(m=from_web(shop.url, b"x")).pull(["m"])


def test_without_a_network_it_says_what_to_do(catalogue: MakeStore) -> None:
    """An unreachable server is an error that names the folder to copy the file to."""
    store = catalogue(m=from_web("http://127.0.0.1:9/", b"x"))

    with pytest.raises(ModelError) as caught:
        store.pull(["m"])

    assert "Connection refused" in str(caught.value)
    assert f"copy m.bin (sha256 {pinned(b'x')['sha256']}) to {store.dir / 'm'}/" in str(caught.value)


def test_pip_without_an_index_is_explained(catalogue: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip is asked under the user's own configuration; what it says is in the error."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    take = [{"pypi": "edgefuse-no-such-package", "version": "1.0", "files": {"m.bin": "m.bin"}}]

    with pytest.raises(
        ModelError, match=r"PyPI edgefuse-no-such-package 1.0: pip failed with exit code 1: .*No matching"
    ):
        catalogue(m={"files": {"m.bin": pinned(b"x")}, "sources": [{"take": take}]}).pull(["m"])


def test_a_wheel_is_fetched_by_pip(
    catalogue: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, double_model: bytes
) -> None:
    """A file inside a wheel comes through pip, from wherever the user's pip is told to look."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with zipfile.ZipFile(tmp_path / "edgefuse_toy-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy/data/it.onnx", double_model)
        wheel.writestr(
            "edgefuse_toy-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: edgefuse-toy\nVersion: 1.0\n"
        )
        wheel.writestr("edgefuse_toy-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("edgefuse_toy-1.0.dist-info/RECORD", "")
    take = [{"pypi": "edgefuse-toy", "version": "1.0", "files": {"m.onnx": "toy/data/it.onnx"}}]
    store = catalogue(m={"files": {"m.onnx": pinned(double_model)}, "sources": [{"take": take}]})

    store.pull(["m"])

    assert store.path("m").read_bytes() == double_model


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_an_npm_package_is_fetched_by_npm(
    catalogue: MakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: Any
) -> None:
    """A file inside an npm package comes through npm, from the registry that the user's npm is told of."""
    monkeypatch.setenv("npm_config_registry", shop.url)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, data in (("package/package.json", b'{"name": "toy", "version": "1.0.0"}'), ("package/it", b"model")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    shop.content["/toy.tgz"] = archive.getvalue()
    version = {"name": "toy", "version": "1.0.0", "dist": {"tarball": f"{shop.url}toy.tgz"}}
    shop.content["/toy"] = json.dumps({"name": "toy", "versions": {"1.0.0": version}}).encode()
    take = [{"npm": "toy", "version": "1.0.0", "files": {"m.bin": "it"}}]
    store = catalogue(m={"files": {"m.bin": pinned(b"model")}, "sources": [{"take": take}]})

    store.pull(["m"])

    assert store.path("m").read_bytes() == b"model"
    assert sorted(path.name for path in store.path("m").parent.iterdir()) == [".edgefuse.json", "m.bin"]


def test_without_npm_it_says_how_to_install_it(catalogue: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source on npm needs npm, and the error says so."""
    monkeypatch.setenv("PATH", "/nonexistent")
    take = [{"npm": "@some/one", "version": "1.0.0", "files": {"m.bin": "m.bin"}}]

    with pytest.raises(ModelError, match=r"npm @some/one 1.0.0: needs npm, which is not installed: apt install npm"):
        catalogue(m={"files": {"m.bin": pinned(b"x")}, "sources": [{"take": take}]}).pull(["m"])


def test_a_file_of_an_installed_package_is_used_in_place(catalogue: MakeStore) -> None:
    """An installed package whose file has the right hash needs no pull; with another hash it is not used."""
    import yaml as package

    name = "yaml/__init__.py"
    data = Path(package.__file__).read_bytes()
    take = [{"pypi": "pyyaml", "version": "0", "files": {"__init__.py": name}}]
    sources = [{"take": take}]

    good = catalogue("never", m={"files": {"__init__.py": pinned(data)}, "sources": sources})
    assert good.path("m") == Path(package.__file__)
    bad = catalogue("never", m={"files": {"__init__.py": pinned(data + b"#")}, "sources": sources})
    with pytest.raises(ModelError, match="is not here"):
        bad.path("m")


def test_a_full_disk_is_explained(catalogue: MakeStore, tmp_path: Path) -> None:
    """When the files cannot grow, the error says how much room is needed and how to choose another disk."""
    store = catalogue(m=from_folder(tmp_path / "from", bytes(500_000)))

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    with pulling(store.dir, "m", preexec_fn=small_files) as process:
        said = process.communicate()[0]

    assert process.returncode == 78, said
    assert f"model 'm': no space in {store.dir}: needs 2 MB while it is pulled" in said
    assert "EDGEFUSE_MODELS to another disk" in said


def test_a_model_larger_than_the_disk_is_refused_at_once(
    catalogue: MakeStore, tmp_path: Path, double_model: bytes
) -> None:
    """What cannot fit is not begun."""
    entry = from_folder(tmp_path / "from", double_model, download=10**18)
    store = catalogue(m=entry)

    with pytest.raises(ModelError, match="no space"):
        store.pull(["m"])
    assert not (store.dir / ".staging").exists()


def test_a_folder_that_is_none_is_explained(tmp_path: Path) -> None:
    """Where the folder of models cannot be, the error says what to set instead."""
    (tmp_path / "models").write_text("a file", encoding="utf-8")
    store = Store(ModelsConfig(dir=tmp_path / "models"), SystemClock())

    with pytest.raises(ModelError, match=r"model 'nanodet': cannot .*/models"):
        store.path("nanodet")


def test_the_folder_comes_from_configuration_then_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`models.dir` wins over EDGEFUSE_MODELS, which wins over the user's cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("EDGEFUSE_MODELS", raising=False)
    assert models_dir(ModelsConfig()) == tmp_path / ".cache" / "edgefuse" / "models"
    monkeypatch.setenv("EDGEFUSE_MODELS", "~/mine")
    assert models_dir(ModelsConfig()) == tmp_path / "mine"
    assert models_dir(ModelsConfig(dir=tmp_path / "there")) == tmp_path / "there"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("m: {what: x}", "licence"),
        ("m: [1", "expected ',' or ']'"),
        (f"m: {{what: x, licence: y, files: {{a: {{sha256: zz, size: 1}}}}, {SOURCE_OF_A}", "sha256"),
        (
            f"m: {{what: x, licence: y, files: {{b: {{sha256: {'a' * 64}, size: 1}}}}, {SOURCE_OF_A}",
            "expected a sha256 in files or raw for a",
        ),
    ],
)
def test_a_bad_catalogue_is_an_error_of_the_operator(tmp_path: Path, body: str, what: str) -> None:
    """A mistake in the user's catalogue is a ModelError that names the file and the mistake."""
    (tmp_path / "catalogue.yaml").write_text(body, encoding="utf-8")

    with pytest.raises(ModelError, match=rf"(?s)catalogue.yaml: not a catalogue of models.*{re.escape(what)}"):
        Store(ModelsConfig(dir=tmp_path), SystemClock())


@pytest.mark.models
def test_every_cached_model_gives_finite_numbers() -> None:
    """Each real model that is on this machine passes `verify`."""
    store = Store(ModelsConfig(pull="never"), SystemClock())
    here = [row.name for row in store.list() if row.state == "cached"]
    if not here:
        pytest.skip("no model is here: run `edgefuse models pull`")

    assert [verdict for verdict in store.verify(here) if not verdict.ok] == []


@pytest.mark.parametrize(
    "card",
    [
        {"threads": -1},
        {"threads": "many"},
        {"prefers": ["cpu"]},
        {"inputs": [1]},
        {"inputs": {"x": {"shape": "abc"}}},
        {"inputs": {"x": {"shape": [-1, 3]}}},
        {"profiles": {"x": 3}},
        {"profiles": {"x": {"min": [1]}}},
    ],
)
def test_a_card_that_makes_no_sense_is_told(tmp_path: Path, card: dict[str, Any]) -> None:
    """The user's catalogue is refused with the key that is wrong, before a model is loaded."""
    body = {"what": "x", "licence": "x", **from_folder(tmp_path / "from", b"m"), "card": {"format": "onnx", **card}}
    (tmp_path / "catalogue.yaml").write_text(json.dumps({"mine": body}), "utf-8")

    with pytest.raises(ModelError, match=rf"card\.?.*{next(iter(card))}"):
        Store(ModelsConfig(dir=tmp_path), SystemClock())
