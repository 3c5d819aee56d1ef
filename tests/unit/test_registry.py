"""Plug-ins of others, as they come and as they should not."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgefuse import registry
from edgefuse.core.errors import ConfigError

GOOD = """
from typing import Literal
from edgefuse.config.models import DetectorConfig
class Clap:
    class Config(DetectorConfig):
        type: Literal["clap"] = "clap"
    modality = "audio"
"""
Install = Callable[[str], str]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution with one detector, whose module has this text; gives the detector's name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(text: str) -> str:
        module = f"clap_{tmp_path.name}"
        (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
        info = tmp_path / f"{module}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n", encoding="utf-8")
        entry = f"[edgefuse.detectors]\nclap = {module}:Clap\n"
        (info / "entry_points.txt").write_text(entry, encoding="utf-8")
        registry._entries.cache_clear()
        return "clap"

    yield install
    registry._entries.cache_clear()


def test_a_package_adds_a_detector(install: Install) -> None:
    """An entry point of another distribution is a detector like any other, in the schema too."""
    name = install(GOOD)

    assert name in registry.names("detector")
    assert registry.config_of("detector", name)(on=["a"]).type == "clap"
    assert registry.modality_of("detector", registry.config_of("detector", name)(on=["a"])) == "audio"
    assert name in registry.installed_configs()["detector"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import no_such_library", "needs a package that is not installed: No module named 'no_such_library'"),
        ("", "names nothing in its module"),
        ("def x(:", "its module cannot be read: "),
        ("def Clap(): ...", "expected a class at its entry point"),
        ("class Clap: ...", "expected a class `Config` in its class, got None"),
    ],
)
def test_a_broken_plug_in_is_an_error_that_names_it(install: Install, text: str, says: str) -> None:
    """Whoever configures it is told what is wrong with it; whoever does not, never notices."""
    name = install(text)

    with pytest.raises(ConfigError, match=r"^detector 'clap'") as caught:
        registry.config_of("detector", name)

    assert says in str(caught.value)
    assert name not in registry.installed_configs()["detector"]
    assert "climate" in registry.installed_configs()["detector"]


def test_an_unknown_name_gets_a_hint() -> None:
    """A misspelt type is answered with the nearest one and all that are known."""
    with pytest.raises(ConfigError, match=r"unknown source type 'camra'; did you mean 'camera'\? \(known: camera, "):
        registry.load("source", "camra")
