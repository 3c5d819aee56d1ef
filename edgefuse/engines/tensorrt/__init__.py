"""NVIDIA TensorRT."""

from edgefuse.engines.tensorrt.backend import TensorRtBackend

__all__ = ["TensorRtBackend"]
