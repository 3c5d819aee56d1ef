"""What `edgefuse evaluate voice --json` says."""

from pathlib import Path

import pytest

from edgefuse.app.models import model_store
from edgefuse.config.models import ModelsConfig
from edgefuse.core.errors import ModelError
from edgefuse.evaluation.voice import evaluate
from edgefuse.pipeline.clock import SystemClock

KEYS = {"n", "exact", "slot_accuracy", "rejected", "wrong", "cpu_s_per_utterance", "recogniser"}


@pytest.mark.models
@pytest.mark.data
def test_the_keys_are_stable(data_dir: Path) -> None:
    """The keys that others read, of numbers in bounds, and by name what ran."""
    try:
        model_store(ModelsConfig(pull="never"), SystemClock()).path("whisper-tiny.en")
    except ModelError as error:
        pytest.skip(str(error))

    result = evaluate(data_dir / "spoken_orders", limit=2, using="ctranslate2", models=ModelsConfig(pull="never"))

    assert set(result) >= KEYS | {"runtime", "decoding", "why", "engines"}
    assert (result["n"], result["recogniser"], result["runtime"]) == (2, "whisper-tiny.en", "ctranslate2")
    assert result["exact"] + result["rejected"] + result["wrong"] == pytest.approx(1)
