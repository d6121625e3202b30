"""A small corpus of virtual patients with masks, and one without anything in it but names."""

from __future__ import annotations

from pathlib import Path

import pytest
from curation_studies import Folder

from vesalius.data.corpus import Corpus
from vesalius.virtual.population import make


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture(scope="session")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Sixteen virtual chest patients at 128 pixels."""
    return make(tmp_path_factory.mktemp("chest"), patients=16, preset="chest", seed=3, image_size=128, workers=1)
