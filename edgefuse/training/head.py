"""From a representation to classes."""

from torch import nn


def head(width: int, classes: int, hidden: int, dropout: float) -> nn.Module:
    """Dropout and one linear layer, or two with `hidden` in between."""
    if not hidden:
        return nn.Sequential(nn.Dropout(dropout), nn.Linear(width, classes))
    inner = [nn.Dropout(dropout), nn.Linear(width, hidden), nn.ReLU()]
    return nn.Sequential(*inner, nn.Dropout(dropout), nn.Linear(hidden, classes))
