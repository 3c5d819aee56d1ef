"""Raw input to the array that a model takes: one definition for training and run time, stateless."""

from edgefuse.fusion.features.build import Feature, build

__all__ = ["Feature", "build"]
