"""Sound against a list of written phrases: the class is the phrase whose vector lies closest to that of the sound."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_NOWHERE = -15.0
"""Logit of a place of the list that is empty."""
_NOTHING = 1e-6


class Phrases(nn.Module):
    """Cosines between the sound and every phrase, times a learned scale, are the logits of the first classes.

    As in CLIP (Radford et al. 2021), but the list is an input: whoever writes other phrases enrols them. Without the
    list, vectors learned for the classes stand in for it (Snell et al. 2017, "Prototypical networks"). The logits of
    the classes that are no phrase, such as silence, come from the sound alone; against the nearest phrase of an open
    list they are what rejects.
    """

    vectors = ("sound",)
    """What the exported model gives besides, for phrases that are enrolled by examples."""

    def __init__(
        self, widths: Mapping[str, int], classes: int, phrases: int, hidden: int = 0, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.sound, self.text = list(widths)
        if not 1 <= phrases <= classes or widths[self.text] % phrases:
            raise ValueError(f"expected 1 to {classes} phrases that divide {widths[self.text]} evenly, got {phrases}")
        self.phrases, self.size = phrases, widths[self.text] // phrases
        inner = hidden or 2 * self.size
        self.project = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(widths[self.sound], inner), nn.ReLU(), nn.Linear(inner, self.size)
        )
        self.learned = nn.Parameter(torch.randn(phrases, self.size))
        self.others = nn.Sequential(nn.Dropout(dropout), nn.Linear(widths[self.sound], classes - phrases))
        self.scale = nn.Parameter(torch.tensor(2.5))
        self.shift = nn.Parameter(torch.zeros(2))

    def forward(self, z: dict[str, Tensor], mask: Tensor) -> dict[str, Any]:
        """Sound first, then text: {modality: (B, width)}, (B, 2) -> logits (B, classes).

        Also cosine (B, phrases), 0 where the list is empty, and sound (B, width), its unit vector before it is
        brought to where the phrases are; sounds are compared with sounds there.
        """
        written = mask[:, 1:2] > 0
        text = z[self.text].reshape(-1, self.phrases, self.size)
        empty = (text.square().sum(2) < _NOTHING) & written
        bank = torch.where(written.unsqueeze(2), text, self.learned.unsqueeze(0).expand_as(text))
        sound = functional.normalize(self.project(z[self.sound]), dim=1, eps=_NOTHING)
        cosine = (functional.normalize(bank, dim=2, eps=_NOTHING) * sound.unsqueeze(1)).sum(2)
        heard = functional.normalize(z[self.sound], dim=1, eps=_NOTHING)
        logits = cosine * self.scale.exp() + torch.where(written, self.shift[0], self.shift[1])
        logits = torch.where(empty, torch.full_like(logits, _NOWHERE), logits)
        return {"logits": torch.cat([logits, self.others(z[self.sound])], 1), "cosine": cosine, "sound": heard}


def make(widths: Mapping[str, int], classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Options: phrases (the first classes are those of the list), and those of every fusion."""
    return Phrases(widths, classes, **options)
