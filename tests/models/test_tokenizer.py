"""The tokenizer trained on a corpus."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer, BertConfig

from vesalius.errors import ConfigError, DataError
from vesalius.models.settings import DualEncoderConfig
from vesalius.models.text.tokenizer import SPECIAL_TOKENS, tokenizer_for, train_tokenizer

TEXTS = [
    "The heart is enlarged.",
    "No pleural effusion.",
    "The lungs are clear.",
    "Small left pleural effusion.",
]


def test_special_tokens_have_the_numbers_that_the_encoders_expect() -> None:
    tokenizer = train_tokenizer(TEXTS, vocabulary=200)
    assert [tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS] == [0, 1, 2, 3, 4]
    ids = tokenizer("Pleural effusion?")["input_ids"]
    assert (ids[0], ids[-1]) == (1, 3)
    assert 2 in ids  # the question mark was never seen
    assert tokenizer.pad_token_id == 0
    assert tokenizer.eos_token_id == 3


def test_it_reads_back_what_it_wrote_without_case() -> None:
    tokenizer = train_tokenizer(TEXTS, vocabulary=500)
    ids = tokenizer(TEXTS[3])["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True).strip() == TEXTS[3].lower()


def test_the_same_texts_give_the_same_tokenizer_and_it_survives_saving(tmp_path: Path) -> None:
    one, *others = (train_tokenizer(iter(TEXTS), vocabulary=60) for _ in range(8))
    assert all(other.get_vocab() == one.get_vocab() for other in others)
    assert len(one) <= 60
    one.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    batch = again(TEXTS, padding=True, truncation=True, max_length=6)
    assert batch["input_ids"] == one(TEXTS, padding=True, truncation=True, max_length=6)["input_ids"]


def test_no_words_no_tokenizer() -> None:
    with pytest.raises(DataError, match="the texts hold no word"):
        train_tokenizer(["", "  "], vocabulary=100)


def test_an_encoder_of_random_weights_gets_a_trained_tokenizer_and_a_pretrained_one_its_own(
    tmp_path: Path,
) -> None:
    assert len(tokenizer_for(DualEncoderConfig(vocabulary=64), TEXTS)) <= 64
    assert len(tokenizer_for(DualEncoderConfig(vocabulary=64, text="hf:bert"), TEXTS)) <= 64
    train_tokenizer(["heart"], vocabulary=40).save_pretrained(tmp_path)
    BertConfig().save_pretrained(tmp_path)
    own = tokenizer_for(DualEncoderConfig(text=f"hf:{tmp_path}"), TEXTS)
    assert own.tokenize("heart") == ["Ġheart"]  # Ġ is the space before a word
    with pytest.raises(ConfigError, match="no tokenizer that can be loaded"):
        tokenizer_for(DualEncoderConfig(text="hf:/no/such/folder"), TEXTS)
