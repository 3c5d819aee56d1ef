"""Composition root: configuration -> objects -> tasks."""

from edgefuse.app.daemon import run

__all__ = ["run"]
