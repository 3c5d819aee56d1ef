"""Gaussian classes in closed form."""

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from edgefuse.training.fusions.gaussian import make


def drawn(n: int = 600) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Two modalities of three classes; the second knows little."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, n)
    first = rng.normal(0, 1, (n, 2)) + np.array([[0, 0], [2, 0], [0, 2]])[labels]
    second = rng.normal(0, 1, (n, 3)) + 0.3 * labels[:, None]
    return {"a": torch.tensor(first).float(), "b": torch.tensor(second).float()}, torch.tensor(labels)


def test_one_modality_decides_as_linear_discriminants_do() -> None:
    """Of one modality come the classes that scikit-learn's linear discriminant analysis gives."""
    z, labels = drawn()
    fusion = make({"a": 2, "b": 3}, 3, {})
    shares = torch.bincount(labels) / len(labels)
    fusion.fit(z, torch.ones(len(labels), 2), labels, shares)  # type: ignore[operator]
    said = fusion(z, torch.tensor([[1.0, 0.0]]).repeat(len(labels), 1))["logits"].argmax(1)
    theirs = LinearDiscriminantAnalysis().fit(z["a"], labels).predict(z["a"])

    assert (said.numpy() == theirs).mean() > 0.99


def test_who_is_little_trusted_speaks_fully_when_alone() -> None:
    """Trust counts against the most trusted that is present: beside it a word is faint, alone it is whole."""
    z, labels = drawn()
    shares = torch.full((3,), 1 / 3)
    both = {"a": 2, "b": 3}
    faint, plain = make(both, 3, {"trust": {"b": 0.01}}), make(both, 3, {})
    for fusion in (faint, plain):
        fusion.fit(z, torch.ones(len(labels), 2), labels, shares)  # type: ignore[operator]
    masks = [torch.tensor([each]).repeat(len(labels), 1) for each in ([1.0, 1.0], [1.0, 0.0], [0.0, 1.0])]
    told = [faint(z, mask)["logits"] for mask in masks]

    assert (told[0] - told[1]).abs().max() < 0.1
    assert torch.allclose(told[2], plain(z, masks[2])["logits"])
