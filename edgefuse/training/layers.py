"""Layers that several encoders and fusions are made of."""

import torch
from torch import Tensor, nn

_NEVER = -1e9


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) with a pre-norm feed-forward layer; in plain products, for export."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width}: expected a multiple of heads {heads}")
        self.heads, self.width, self.size = heads, width, width // heads
        self.norm, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor, here: Tensor) -> Tensor:
        """(B, T, width) and what may be looked at, (B, T) > 0 -> (B, T, width)."""
        steps = int(x.shape[1])
        q, k, v = self.qkv(self.norm(x)).reshape(-1, steps, 3, self.heads, self.size).permute(2, 0, 3, 1, 4).unbind(0)
        score = q @ k.transpose(2, 3) / self.size**0.5
        unseen = (here <= 0)[:, None, None, :]
        weight = self.drop(torch.softmax(torch.where(unseen, _NEVER, score), 3))
        x = x + self.drop(self.out((weight @ v).transpose(1, 2).reshape(-1, steps, self.width)))
        out: Tensor = x + self.drop(self.feed(self.norm_2(x)))
        return out


class Steps(nn.Module):
    """Sequences (B, T, channels) or token ids (B, T) -> (B, T, width), and which steps count (B, T)."""

    def __init__(self, shape: tuple[int, ...], width: int, vocabulary: int) -> None:
        super().__init__()
        if len(shape) != (1 if vocabulary else 2):
            raise ValueError(f"expected {'token ids' if vocabulary else '(steps, channels)'}, got shape {shape}")
        self.ids = bool(vocabulary)
        self.layer: nn.Module
        self.layer = nn.Embedding(vocabulary, width, padding_idx=0) if vocabulary else nn.Linear(shape[1], width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """An empty text has its padding count."""
        if not self.ids:
            return self.layer(x), torch.ones_like(x[:, :, 0])
        here = (x > 0).float()
        return self.layer(x), torch.where(here.sum(1, keepdim=True) > 0, here, torch.ones_like(here))


def pool(x: Tensor, here: Tensor) -> Tensor:
    """Mean and maximum over the steps that count: (B, T, d), (B, T) -> (B, 2 d)."""
    weight = here.unsqueeze(2)
    mean = (x * weight).sum(1) / weight.sum(1)
    return torch.cat([mean, torch.where(weight > 0, x, _NEVER).amax(1)], 1)
