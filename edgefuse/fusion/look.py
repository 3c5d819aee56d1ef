"""What a fuser listens to: which observations of which part."""

from math import isfinite
from typing import Annotated

from pydantic import ConfigDict, Field

from edgefuse.config.models import Name, Strict
from edgefuse.core.errors import ConfigError
from edgefuse.core.ports import Context
from edgefuse.core.types import Observation


class Look(Strict):
    """`{from: people, label: person}`."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[Name, Field(alias="from")]
    """Name of a detector, or of a source for its plain readings."""
    label: str
    """Label of an observation, or quantity of a reading."""
    kind: str | None = None
    """Only observations of this kind (object, utterance, reading ...)."""
    area: str | None = None
    zone: str | None = None
    """Only what lies in this zone of the picture."""


def found(look: Look, observation: Observation) -> bool | None:
    """Whether an observation of its part has what is looked for; None where it says nothing of that.

    False only of a part that looked and saw none at all (kind `scene`).
    """
    if look.area is not None and observation.area != look.area:
        return None
    if observation.kind == "scene":
        return False
    if observation.label != look.label or look.kind not in (None, observation.kind):
        return None
    if look.zone is not None and look.zone not in observation.data.get("zones", ()):
        return None
    return True


def value_of(look: Look, observation: Observation) -> float | None:
    """The number that an observation tells: its value, else its score, 0 for looked and saw none.

    None where it says nothing of what is looked for, or its value is no number.
    """
    held = found(look, observation)
    if not held:
        return None if held is None else 0.0
    value = observation.data.get("value", observation.score)
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


def known_parts(context: Context, parts: set[str], what: str) -> None:
    """Raise ConfigError naming the parts that are not configured."""
    known = ", ".join(sorted(context.modalities))
    unknown = sorted(parts - set(context.modalities))
    if unknown:
        raise ConfigError(
            *(f"beliefs.{context.name}: {what} from '{name}': no such part (known: {known})" for name in unknown)
        )
