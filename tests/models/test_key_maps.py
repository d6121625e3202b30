"""Key maps: every key by the first rule, none unknown, none twice, and a state that fits or says why not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vesalius.errors import CheckpointError
from vesalius.models.convert import load_whole, renamed

STATE = {"net.0.weight": torch.ones(2, 3), "net.0.bias": torch.zeros(2), "steps": torch.tensor(4)}
RULES = [(r"net\.(\d+)\.(weight|bias)", r"layers.\1.\2"), (r"steps", None)]


def test_keys_are_renamed_or_left_out() -> None:
    assert list(renamed(STATE, RULES)) == ["layers.0.weight", "layers.0.bias"]
    first = [(r"net\..*bias", None), *RULES]
    assert list(renamed(STATE, first)) == ["layers.0.weight"]


def test_unknown_keys_are_named() -> None:
    with pytest.raises(CheckpointError, match=r"a\.pt: 2 of 3 keys are unknown: net\.0\.weight, net\.0\.bias; is it"):
        renamed(STATE, [(r"steps", None)], where="a.pt")
    many = {f"k{number}": torch.ones(1) for number in range(9)}
    with pytest.raises(CheckpointError, match="k4 and 4 more"):
        renamed(many, [])


def test_two_keys_of_one_name_are_refused() -> None:
    with pytest.raises(CheckpointError, match=r"two keys would be called layer; the second is net\.0\.bias"):
        renamed(STATE, [(r"net\..*", "layer"), (r"steps", None)])


def test_state_is_loaded_whole_or_not_at_all() -> None:
    module = nn.Sequential(nn.Linear(3, 2))
    load_whole(module, {"0.weight": torch.full((2, 3), 2.0), "0.bias": torch.zeros(2)})
    assert module(torch.ones(1, 3)).tolist() == [[6.0, 6.0]]
    wrong = {"0.weight": torch.ones(3, 3), "1.bias": torch.zeros(2)}
    with pytest.raises(CheckpointError, match=r"1 missing: 0\.bias; 1 left over: 1\.bias; 1 of another shape: 0\.we"):
        load_whole(module, wrong)
    assert module(torch.ones(1, 3)).tolist() == [[6.0, 6.0]]
