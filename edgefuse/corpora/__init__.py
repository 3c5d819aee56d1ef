"""Labelled data as arrays, one module per corpus; nothing here is part of the package, it is read where it lies."""

from edgefuse.corpora.corpus import Corpus, Raw, load

__all__ = ["Corpus", "Raw", "load"]
