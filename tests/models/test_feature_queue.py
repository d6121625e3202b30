"""The queue of features: first in, first out, any batch, and never more than it holds."""

from __future__ import annotations

import pytest
import torch

from vesalius.errors import ConfigError
from vesalius.models.feature_queue import FeatureQueue


def test_the_oldest_rows_go_first_and_a_batch_may_go_around_the_end() -> None:
    queue = FeatureQueue(5, width=2)
    for number in range(3):
        rows = torch.full((2, 2), float(number))
        queue.push(rows, -rows)
    # 0 0 1 1 · and then 2 in the places 4 and 0
    assert queue.image[:, 0].tolist() == [2, 0, 1, 1, 2]
    assert queue.text[:, 0].tolist() == [-2, 0, -1, -1, -2]
    assert int(queue.place) == 1


def test_it_starts_with_unit_vectors_and_learns_nothing() -> None:
    queue = FeatureQueue(7, width=3)
    torch.testing.assert_close(queue.image.norm(dim=1), torch.ones(7))
    assert not list(queue.parameters())
    assert set(queue.state_dict()) == {"image", "text", "place"}


def test_more_rows_than_it_holds_are_refused_with_the_numbers() -> None:
    with pytest.raises(ConfigError, match="3 rows at once for a queue of 2"):
        FeatureQueue(2, width=3).push(torch.zeros(3, 3), torch.zeros(3, 3))
