"""RadCliQ: worked components of both fits."""

from __future__ import annotations

import numpy as np
import pytest

from vesalius.errors import ConfigError, DataError
from vesalius.metrics.radcliq import VERSIONS, inverse_of_mean, radcliq, radcliq_rules

WORKED = [
    ((0, 0, 0, 0), 5.516160804, 2.450143083),
    ((1, 1, 1, 1), -0.242133423, -1.440690283),
    ((0.3, 0.4, 0.5, 0.2), 3.041620995, 0.918854199),
    ((0.25, 0.35, 0.6, 0.15), 3.048529950, 0.964180111),
]


@pytest.mark.parametrize(("components", "v0", "v1"), WORKED)
def test_worked_components(components, v0, v1):
    assert radcliq([components], version="v0") == pytest.approx([v0], abs=1e-8)
    assert radcliq([components]) == pytest.approx([v1], abs=1e-8)


def test_the_inverse_is_that_of_the_mean():
    assert inverse_of_mean(radcliq([WORKED[2][0], WORKED[3][0]])) == pytest.approx(1.062115539, abs=1e-8)


def test_stand_ins_with_the_published_moments_are_the_same_sum():
    v1 = VERSIONS["v1"]
    components = np.array([one for one, _, _ in WORKED])
    assert radcliq_rules(components, mean=v1.mean, deviation=v1.deviation) == pytest.approx(radcliq(components))


def test_wrong_input_is_named():
    with pytest.raises(ConfigError, match="no version 'v2'"):
        radcliq([[0, 0, 0, 0]], version="v2")
    with pytest.raises(DataError, match="radgraph, bertscore, semantic_embedding, bleu2"):
        radcliq([[0, 0, 0]])
    with pytest.raises(DataError, match="deviations above 0"):
        radcliq_rules([[0, 0, 0, 0]], mean=(0, 0, 0, 0), deviation=(1, 1, 1, 0))
