"""A trained model from its folder: card, networks, features."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import ValidationError

from edgefuse.core.errors import ConfigError, ModelError
from edgefuse.core.ports import Model
from edgefuse.corpora.corpus import Raw, sha256_of
from edgefuse.engines.onnx import OnnxBackend
from edgefuse.fusion.card import FusionCard
from edgefuse.fusion.features.build import Feature, build

CARD, FUSED, SINGLES = "card.json", "model.onnx", "singles.onnx"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a folder of models holds."""

    card: FusionCard
    fused: Model
    singles: Model | None
    """Networks of one modality each, trained apart; None where the folder has none."""
    features: Mapping[str, Feature]

    def inputs(self, raws: Mapping[str, Raw]) -> dict[str, NDArray[Any]]:
        """Features of a batch by modality. Raises ConfigError for raw input of another form than the card's."""
        return {name: self._input(name, raw) for name, raw in raws.items()}

    def _input(self, name: str, raw: Raw) -> NDArray[Any]:
        card = self.card.modalities[name]
        try:
            taken = self.features[name](raw.data)
        except ValueError as error:
            raise ConfigError(f"features of '{name}': {error}") from error
        if list(taken.shape[1:]) != card.shape:
            raise ConfigError(
                f"features of '{name}': expected shape {card.shape}, as the model was trained on, got "
                f"{list(taken.shape[1:])}; the data has another layout or rate"
            )
        return np.asarray(taken, card.dtype)

    def nothing(self, name: str, n: int) -> NDArray[Any]:
        """What is fed for a modality that is not there."""
        card = self.card.modalities[name]
        return np.zeros((n, *card.shape), card.dtype)

    def fuse(self, inputs: Mapping[str, NDArray[Any]], mask: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
        """Every output of the fused model: probability, members ..."""
        return self.fused.run({**inputs, "mask": mask.astype(np.float32)})

    def alone(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Every output of the networks of one modality each: `single_<modality>` ...; nothing without them."""
        if self.singles is None:
            return {}
        return self.singles.run({name: inputs[name] for name in self.singles.inputs})

    def close(self) -> None:
        """Free the networks."""
        self.fused.close()
        if self.singles is not None:
            self.singles.close()


def find(model: str, folders: Sequence[Path]) -> Path:
    """The folder of a model: `model` itself, or `<folder>/<name>` for the name or the path of a recipe.

    Raises ConfigError saying where was looked, or that the folder has no card.json.
    """
    path = Path(model)
    if path.is_dir():
        if not (path / CARD).exists():
            raise ConfigError(f"{path}: expected {CARD} in the folder of a trained model, found none; edgefuse train")
        return path
    if path.name == CARD and path.exists():
        return path.parent
    name = _recipe_name(path) if path.suffix else model
    looked = [folder / name for folder in folders]
    for folder in looked:
        if (folder / CARD).exists():
            return folder
    where = " and ".join(map(str, looked))
    raise ConfigError(f"'{model}': no trained model in {where}; train it: edgefuse train {model} --data DIR")


def _recipe_name(path: Path) -> str:
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: expected a folder with {CARD}, or a recipe: {error}") from error
    if not isinstance(recipe, dict) or not isinstance(recipe.get("name"), str):
        raise ConfigError(f"{path}: expected a recipe with a name")
    return str(recipe["name"])


def read_card(folder: Path) -> FusionCard:
    """The card of a folder. Raises ConfigError for a file that is no card."""
    path = folder / CARD
    try:
        return FusionCard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        told = (
            ": ".join(filter(None, [str(path), ".".join(map(str, one["loc"])), one["msg"]])) for one in error.errors()
        )
        raise ConfigError(*told) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; expected the card of a trained model") from error


def open_model(folder: Path, load: Callable[[str], Model] | None = None) -> Trained:
    """Load what a folder holds; `load` loads a model of the store, for features that need one.

    Raises ConfigError for a wrong card, ModelError for a file that is missing, not the card's, or of other inputs.
    """
    card = read_card(folder)
    fused = _network(folder, FUSED, card)
    wanted = {*card.modalities, "mask"}
    if set(fused.inputs) != wanted or not {"probability", "members"} <= set(fused.outputs):
        raise ModelError(
            f"{folder / FUSED}: expected inputs {', '.join(sorted(wanted))} and outputs probability, members, got "
            f"{', '.join(sorted(fused.inputs))} and {', '.join(sorted(fused.outputs))}"
        )
    singles = _network(folder, SINGLES, card) if (folder / SINGLES).exists() else None
    features = {name: build(modality.features, load) for name, modality in card.modalities.items()}
    return Trained(card, fused, singles, features)


def _network(folder: Path, name: str, card: FusionCard) -> Model:
    path = folder / name
    if not path.exists():
        raise ModelError(f"{path}: expected the network that {CARD} describes, found none; train it again")
    expected = card.files.get(name, {}).get("sha256")
    if expected != (got := sha256_of(path)):
        raise ModelError(
            f"{path}: expected sha256 {expected or '(none)'} of {CARD}, got {got}: the two do not belong together"
        )
    return OnnxBackend().load(path, {"threads": 1})
