"""A corpus of squares with their masks, and an untrained model on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from squares import saved_model, squares

from vesalius.data.corpus import Corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return squares(tmp_path_factory.mktemp("squares") / "corpus")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_model(tmp_path_factory.mktemp("model") / "model")
