"""What tests of methods that learn from conversations share."""

from __future__ import annotations

import pytest

from vesalius.data.corpus import Corpus
from vesalius.virtual.population import make
from vesalius.virtual.questions.ask import write_questions


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Two dozen virtual patients with reports and questions."""
    folder = tmp_path_factory.mktemp("asked")
    return write_questions(make(folder / "patients", patients=24, preset="chest", image_size=48), folder / "corpus")
