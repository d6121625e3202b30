"""The corpus that the tests of training share."""

from __future__ import annotations

import pytest
from shapes_corpus import make_corpus

from vesalius.data.corpus import Corpus


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """48 studies, 40 to train on and 8 to validate on; not to be changed."""
    return make_corpus(tmp_path_factory.mktemp("shapes") / "corpus")
