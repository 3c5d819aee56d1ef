import pytest

from edgefuse.core.errors import ConfigError, needs


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'x'"), OSError("libx.so: cannot open")])
def test_a_missing_library_is_told_with_its_extra(error: Exception) -> None:
    """An import that fails, or misses a shared library, says what for and which extra to install."""
    says = rf"^pictures: expected the extra 'camera' .* got: {error}; "
    with pytest.raises(ConfigError, match=says) as caught, needs("camera", "pictures"):
        raise error

    assert str(caught.value).endswith("pip install 'edgefuse[camera]'")


def test_a_library_that_is_there_costs_nothing() -> None:
    """Without an error `needs` does nothing, and other errors pass through."""
    with needs("camera", "pictures"):
        pass
    with pytest.raises(ValueError, match="other"), needs("camera", "pictures"):
        raise ValueError("other")
