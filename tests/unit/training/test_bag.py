import torch

from edgefuse.training.encoders.bag import Bag


def test_a_word_that_no_training_text_has_counts_nothing() -> None:
    """Its vector was never trained: a sentence with it is encoded as without it, but for its length."""
    bag = Bag((3,), vocabulary=9, width=4, dropout=0.0).eval()
    bag.fit(torch.tensor([[1, 2, 0], [1, 3, 0]]))
    known, strange = bag(torch.tensor([[1, 2, 0], [1, 2, 8]]))
    assert torch.allclose(known, strange, atol=1e-6)
    assert bag.idf[2] > bag.idf[1] > 0
    assert bag.idf[8] == 0
