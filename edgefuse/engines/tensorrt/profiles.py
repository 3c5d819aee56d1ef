"""The sizes that an engine must take, as a model's card tells them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from edgefuse.core.errors import ModelError

Sizes: TypeAlias = tuple[int, ...]
_LARGEST = 2**31 - 1
_KEYS = ("min", "opt", "max")
_HOW = "give the card `profiles: {%s: {min: [...], opt: [...], max: [...]}}`"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An input of the network: what the file says about it."""

    name: str
    shape: Sizes
    """-1 where it is free."""
    is_shape: bool = False
    """Its values are sizes of other tensors; its profile bounds the values."""

    @property
    def needs_profile(self) -> bool:
        """Whether no engine can be built without bounds for it."""
        return self.is_shape or -1 in self.shape


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one input ranges over, both ends included; the engine is fastest at `opt`."""

    min: Sizes
    opt: Sizes
    max: Sizes


def bounds(where: object, inputs: Sequence[Wanted], card: Mapping[str, Any]) -> dict[str, Bounds]:
    """The profile of every input that needs one. Raises ModelError naming the input, what it has and what it needs."""
    profiles = card.get("profiles", {})
    if not isinstance(profiles, Mapping):
        raise ModelError(f"{where}: expected the card's profiles to be {{input: {{min, opt, max}}}}, got {profiles!r}")
    known = {wanted.name for wanted in inputs}
    unknown = sorted(set(profiles) - known)
    if unknown:
        raise ModelError(f"{where}: the card has profiles for {unknown}, the model has inputs {sorted(known)}")
    found = {
        wanted.name: _bounds(where, wanted, profiles.get(wanted.name))
        for wanted in inputs
        if wanted.needs_profile or wanted.name in profiles
    }
    return {wanted.name: found[wanted.name] for wanted in inputs if wanted.needs_profile}


def _bounds(where: object, wanted: Wanted, told: Any) -> Bounds:
    what = f"{where}: input '{wanted.name}' {_shown(wanted.shape)}"
    if told is None:
        free = "its values are sizes" if wanted.is_shape else "it has free sizes"
        raise ModelError(f"{what}: {free}, and the card has no profile for it; {_HOW % wanted.name}")
    if not isinstance(told, Mapping) or sorted(told) != sorted(_KEYS):
        raise ModelError(f"{what}: expected a profile with min, opt and max, got {told}; {_HOW % wanted.name}")
    low, best, high = (_sizes(what, key, told[key]) for key in _KEYS)
    found = Bounds(low, best, high)
    wrong = _wrong(wanted, found)
    if wrong:
        raise ModelError(f"{what}: {wrong}, got {told}")
    return found


def _sizes(what: str, key: str, value: Any) -> Sizes:
    sizes = value if isinstance(value, Sequence) else [None]
    if not all(type(size) is int and 0 <= size <= _LARGEST for size in sizes):
        raise ModelError(f"{what}: expected {key} of its profile to be a list of sizes up to {_LARGEST}, got {value!r}")
    return tuple(sizes)


def _wrong(wanted: Wanted, found: Bounds) -> str:
    """What a profile has wrong; empty when nothing is."""
    every = (found.min, found.opt, found.max)
    rank = _count(wanted)
    if any(len(sizes) != rank for sizes in every):
        return f"expected {rank} numbers each in min, opt and max of its profile"
    if any(not a <= b <= c for a, b, c in zip(*every, strict=True)):
        return "expected min <= opt <= max in its profile"
    if not wanted.is_shape and any(
        size not in {-1, got} for sizes in every for size, got in zip(wanted.shape, sizes, strict=True)
    ):
        return "expected the sizes that are fixed to stay as they are in its profile"
    return ""


def _count(wanted: Wanted) -> int:
    """Numbers in each bound: one per dimension, or one per value of a tensor of sizes, which has rank 0 or 1."""
    if not wanted.is_shape:
        return len(wanted.shape)
    return wanted.shape[0] if wanted.shape else 1


def _shown(shape: Sizes) -> str:
    return "(" + ", ".join("free" if size == -1 else str(size) for size in shape) + ")"
