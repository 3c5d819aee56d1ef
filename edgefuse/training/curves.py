"""How the trainings went, as a picture."""

from collections.abc import Mapping
from pathlib import Path

from edgefuse.core.errors import needs
from edgefuse.training.train import Trained


def draw(trained: Mapping[str, Trained], path: Path, title: str) -> None:
    """Loss per epoch, and accuracy on groups that a training has not seen, a line per training; PNG."""
    with needs("train", "curves"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(1, 2)
    for name, one in trained.items():
        loss.plot(range(1, len(one.loss) + 1), one.loss, label=name, linewidth=1)
        if one.accuracy:
            accuracy.plot(*zip(*one.accuracy, strict=True), linewidth=1, marker=".")
    loss.set(title=title, xlabel="epoch", ylabel="training loss")
    accuracy.set(title="groups it has not seen", xlabel="epoch", ylabel="accuracy", ylim=(0, 1.02))
    loss.legend(fontsize=6, ncols=2)
    figure.savefig(path, dpi=90)
