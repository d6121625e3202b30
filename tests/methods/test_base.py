"""What methods share: the words of a report, numbers of texts, and rows of several processes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vesalius.errors import ConfigError, DataError
from vesalius.methods import base
from vesalius.methods.base import keys_of, of_all, spoken, text_numbers


def test_the_methods_are_found_by_name() -> None:
    assert {"convirt", "pubmedclip"} <= set(base.names())
    module = base.load("convirt")
    assert module.METHOD is module.ConVIRT
    assert module.SETTINGS is module.ConVIRTConfig
    with pytest.raises(ConfigError, match="did you mean 'convirt'"):
        base.load("convit")


@pytest.mark.parametrize("sentences", [[], ["", "  "]])
@pytest.mark.evidence("convirt", "L2", "an empty report is refused, not embedded")
def test_an_empty_report_is_refused(sentences: list[str]) -> None:
    with pytest.raises(DataError, match="report without a word"):
        spoken(sentences)


def test_equal_texts_have_equal_numbers_however_padded() -> None:
    ids = torch.tensor([[1, 8, 9, 3, 0, 0], [1, 8, 9, 3, 7, 7], [1, 9, 8, 3, 0, 0], [1, 8, 9, 3, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]])
    numbers = text_numbers(ids, mask)
    assert numbers[0] == numbers[1]
    assert len(set(numbers.tolist())) == 3  # another order or length is another text
    assert text_numbers(ids[:1, :4], mask[:1, :4]) == numbers[0]


def test_numbers_of_different_texts_do_not_meet() -> None:
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, 2000, size=(20_000, 12)))
    different = len(np.unique(ids.numpy(), axis=0))
    assert len(torch.unique(text_numbers(ids, torch.ones_like(ids)))) == different


def test_keys_of_one_process_are_the_rows_themselves() -> None:
    own = {"image": torch.zeros(2, 3), "text": torch.zeros(2, 3)}
    assert keys_of(own) is None
    assert of_all(own, "image") is own["image"]


def test_keys_of_several_processes() -> None:
    gathered = {
        "image": torch.zeros(2, 3),
        "text": torch.zeros(2, 3),
        "all_image": torch.ones(5, 3),
        "all_text": torch.ones(5, 3),
        "first_row": torch.tensor([3, 2]),
    }
    keys = keys_of(gathered)
    assert keys is not None
    assert (keys.first, keys.processes, len(keys.image)) == (3, 2, 5)
    assert of_all(gathered, "image") is gathered["all_image"]
