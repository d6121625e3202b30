"""Specs, capabilities and the embeddings of every kind of model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vesalius.data.readers import Pixels
from vesalius.errors import CapabilityError, CheckpointError, ConfigError
from vesalius.inference.predictor import BasePredictor, Predictor, open_predictor, unit_rows


def pixels(seed: int, *, side: int = 20) -> Pixels:
    array = np.random.default_rng(seed).integers(0, 255, (side, side), dtype=np.uint8)
    return Pixels(array=array, axes="YX", units="display", source=f"image {seed}")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[3.0, 4.0]], [[0.6, 0.8]]),
        ([[0.0, 0.0]], [[0.0, 0.0]]),  # no direction: it stays, and is not made NaN
        ([[-2.0, 0.0], [0.0, 0.5]], [[-1.0, 0.0], [0.0, 1.0]]),
    ],
)
def test_unit_rows(rows: list[list[float]], expected: list[list[float]]) -> None:
    scaled = unit_rows(np.array(rows))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, atol=1e-7)  # one float32 rounding


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("nothing of this name", "of no known kind"),
        ("openai:localhost#m", "is no http"),
        ("openai:http://localhost:8000/v1", "no model after '#'"),
        ("openai:http://localhost:8000/v1#", "no model after '#'"),
        ("openai:http://me:secret@localhost/v1#m", "OPENAI_API_KEY"),
        ("control:untrained", "control:untrained:MODEL"),
        ("control:shuffled", "computed beside every evaluation"),
        ("control:majorty", "did you mean 'majority'"),
        ("control:random#x", "not a whole number"),
    ],
)
def test_bad_specs_say_what_is_expected(spec: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        open_predictor(spec)


def test_a_secret_in_an_address_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        open_predictor("openai:http://me:secret@localhost/v1#m")
    assert "secret" not in str(caught.value)


def test_an_endpoint_names_what_it_can_do_and_touches_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    endpoint = open_predictor("openai:http://localhost:9/v1#llava")
    assert endpoint.name == "llava"
    assert endpoint.identity["kind"] == "openai"
    with pytest.raises(CapabilityError, match="answers questions in words"):
        endpoint.embed_text(["x"])


def test_a_run_without_a_model_says_so(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("method: {name: convirt}\n", encoding="utf-8")
    with pytest.raises(CheckpointError):
        open_predictor(tmp_path)


def test_what_a_model_lacks_is_refused_with_what_it_has() -> None:
    class ImagesOnly(BasePredictor):
        name = "images only"
        capabilities = frozenset({"embed_image"})

    with pytest.raises(CapabilityError, match=r"cannot embed_text \(it can: embed_image\)"):
        ImagesOnly().embed_text(["x"])
    with pytest.raises(CapabilityError, match="joint token features"):
        ImagesOnly().similarity_map(pixels(0), "x")


def test_a_predictor_is_returned_as_it_is() -> None:
    model = open_predictor("control:random")
    assert open_predictor(model) is model
    assert isinstance(model, Predictor)


def test_random_depends_on_content_and_seed_only() -> None:
    first, again, other = (open_predictor(f"control:random#{seed}") for seed in (1, 1, 2))
    images = [pixels(0), pixels(1), pixels(0)]
    seen = first.embed_image(images)
    np.testing.assert_array_equal(seen, again.embed_image(images))
    np.testing.assert_array_equal(seen[0], seen[2])
    assert not np.allclose(seen[0], seen[1])
    assert not np.allclose(seen, other.embed_image(images))
    np.testing.assert_allclose(np.linalg.norm(seen, axis=1), 1, atol=1e-6)  # float32


def test_majority_sees_nothing() -> None:
    seen = open_predictor("control:majority").embed_image([pixels(0), pixels(1)])
    np.testing.assert_array_equal(seen[0], seen[1])
