"""A model that reads media and a question and chooses among answers that it knows, by a head for each level.

Answers are tokens of their own, "<|answer:yes|>", in the tokenizer: a question offers some of them, and the answer is
one or several. The level of a question is the number of answers before it. Sources: the fusion by cross-attention and
the heads, HiCA-VQA (arXiv 2504.03135); the fusion by self-attention over both, hi-VQA (arXiv 2307.05766).

Legend: R rows, L tokens of a row, M tokens of the media of a row, D width, A answers, W words of the vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AddedToken, AutoConfig, AutoModel

from vesalius.errors import ConfigError
from vesalius.models.vlm.model import IGNORED, AnswerLogits, VisionLanguageFile, VisionLanguageModel
from vesalius.models.vlm.settings import VisionLanguageConfig
from vesalius.models.vlm.views import Layout

__all__ = [
    "ANSWER",
    "OFFER",
    "SEVERAL",
    "Choice",
    "ChoosingFile",
    "ChoosingModel",
    "CrossFusion",
    "JoinedFusion",
    "offered",
]

ANSWER = "<|answer:{}|>"
"""Token that stands for an answer, its words inside."""
SEVERAL = "<|several|>"
"""In a question of whose answers several may hold."""
OFFER = re.compile(r"^Options(?P<several> \(several may hold\))?: (?P<options>.+)$", re.MULTILINE)
"""Line of a question that names its answers."""
_TURN = "<|assistant|>"
_LEVELS = 3
_HEADS_WIDTH = 64
"""Width of an attention head of the fusion."""


class Choice(NamedTuple):
    """What the model makes of the question at the end of each row."""

    logits: Tensor
    """Of every answer, by the head of the question's level, (R, A)."""
    offered: Tensor
    """True where the question offers the answer; everywhere where it offers none, (R, A)."""
    several: Tensor
    """Whether several may hold, (R,)."""
    level: Tensor
    """From 0, (R,)."""
    image: Tensor
    """Mean of the media's tokens, (R, D)."""
    text: Tensor
    """Mean of the words' states, (R, D)."""

    def said(self) -> Tensor:
        """True for the answers that are given, (R, A): the likeliest, or all above one half, or none at all."""
        masked = self.logits.masked_fill(~self.offered, float("-inf"))
        best = torch.zeros_like(self.offered).scatter_(1, masked.argmax(dim=1, keepdim=True), True) & self.offered
        return torch.where(self.several[:, None], masked > 0, best)


class CrossFusion(nn.Module):
    """The image asks the words: softmax(Q Kᵀ / √d) V + X, queries of the image X, keys and values of the words."""

    def __init__(self, width: int):
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)

    def forward(self, image: Tensor, there: Tensor, text: Tensor, keep: Tensor) -> Tensor:
        """Fuse.

        Args:
            image: (R, M, D).
            there: True where a token of the image is; the others ask as well and are left to the caller, (R, M).
            text: (R, L, D).
            keep: True where a word is, (R, L).

        Returns:
            (R, M, D).
        """
        del there
        scores = self.query(image) @ self.key(text).transpose(1, 2) / image.shape[-1] ** 0.5
        weights = scores.masked_fill(~keep[:, None], float("-inf")).softmax(dim=-1)
        fused: Tensor = weights @ self.value(text) + image
        return fused


class JoinedFusion(nn.Module):
    """Image and words behind each other look at themselves, one layer."""

    def __init__(self, width: int):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(
            width, max(1, width // _HEADS_WIDTH), 4 * width, dropout=0.0, activation="gelu", batch_first=True,
        )  # fmt: skip

    def forward(self, image: Tensor, there: Tensor, text: Tensor, keep: Tensor) -> Tensor:
        """The same as of `CrossFusion`; the states at the image's places are returned, (R, M, D)."""
        hidden = ~torch.cat([there, keep], dim=1)
        fused: Tensor = self.layer(torch.cat([image, text], dim=1), src_key_padding_mask=hidden)
        return fused[:, : image.shape[1]]


class ChoosingFile(VisionLanguageFile):
    """What `config.json` holds: also which tokens are answers and which end turns."""

    model_type = "vesalius_vision_choosing"

    first_answer: int = 0
    num_answers: int = 1
    several_token: int = 0
    turn_token: int = 0
    end_token: int = 0


class ChoosingModel(VisionLanguageModel):
    """Vision encoder, connector, text encoder, fusion and a head for each level of questions."""

    config_class = ChoosingFile
    _no_split_modules = ["Block", "BertLayer", "RobertaLayer"]  # noqa: RUF012 - as transformers reads it
    unpackable = "the fusion of such a model looks at one conversation a row"

    def __init__(self, config: ChoosingFile):
        super().__init__(config)
        if not hasattr(self.language.base_model, "encoder") or self.language.config.is_encoder_decoder:
            raise ConfigError(
                f"model.language: {self.language.config.model_type} does not read both ways; expected bert or roberta"
            )
        width = int(self.language.config.hidden_size)
        self.fusion = (CrossFusion if self.settings.fusion == "cross" else JoinedFusion)(width)
        levels = _LEVELS if self.settings.level_heads else 1
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, config.num_answers))
            for _ in range(levels)
        )
        self.post_init()

    @staticmethod
    def facts(words: Any) -> dict[str, Any]:
        """Return which tokens are answers, and which mark turns.

        Raises:
            ConfigError: it knows none.
        """
        numbers = sorted(
            number
            for token, number in words.get_added_vocab().items()
            if token.startswith(ANSWER[: ANSWER.index("{")])
        )
        if not numbers:
            raise ConfigError(
                'no answer to choose from: the training conversations offer none (a line "Options: yes; no")'
            )
        return {
            "first_answer": numbers[0],
            "num_answers": len(numbers),
            "several_token": int(words.convert_tokens_to_ids(SEVERAL)),
            "turn_token": int(words.convert_tokens_to_ids(_TURN)),
            "end_token": int(words.eos_token_id),
        }

    @staticmethod
    def new_words(settings: VisionLanguageConfig, texts: Iterable[str]) -> Any:
        """Return the usual tokenizer with a token for every answer that the texts offer."""
        answers: set[str] = set()

        def read() -> Iterator[str]:
            for text in texts:
                for found in OFFER.finditer(text):
                    answers.update(option.strip() for option in found["options"].split(";"))
                yield text

        kept = list(read())
        words = VisionLanguageModel.new_words(settings, kept)
        listed = [SEVERAL, *(ANSWER.format(answer) for answer in sorted(answers))]
        words.add_tokens([AddedToken(token, normalized=False) for token in listed])
        return words

    @staticmethod
    def part_of(name: str) -> str:
        """Return the part that a weight belongs to; fusion and heads are the connector's."""
        fused = name.startswith(("fusion.", "heads."))
        return "connector" if fused else VisionLanguageModel.part_of(name)

    def count(self, layout: Layout) -> int:
        """Return 1: a medium takes one token of a row, which the text encoder never reads."""
        del layout
        return 1

    def choose(self, input_ids: Tensor, real: Tensor, views: Sequence[Tensor], layouts: Sequence[Layout]) -> Choice:
        """Answer the question at the end of each row.

        Args:
            input_ids: token numbers, (R, L).
            real: True where a token is read: the prompt, (R, L).
            views: of all media.
            layouts: of all media, row by row. A row that shows nothing is answered as if it showed zeros.
        """
        shown = real & (input_ids == self.image_token)
        tokens, media = iter(self.media_tokens(views, layouts) if views else ()), []
        nothing = torch.zeros(1, int(self.language.config.hidden_size), device=input_ids.device)
        for count in shown.sum(dim=1).tolist():
            media.append(torch.cat([next(tokens) for _ in range(count)]) if count else nothing)
        image = pad_sequence(media, batch_first=True)
        lengths = torch.tensor([len(one) for one in media], device=image.device)
        there = torch.arange(image.shape[1], device=image.device) < lengths[:, None]
        text, keep = self._read(input_ids, real & ~shown)
        fused = _mean(self.fusion(image, there, text, keep), there)
        level = self._level(input_ids, real)
        each = torch.stack([head(fused) for head in self.heads], dim=1)
        rows = torch.arange(len(each), device=each.device)
        offers = offered(input_ids * real, self.config)
        offers = offers | ~offers.any(dim=1, keepdim=True)
        several = ((input_ids == self.config.several_token) & real).any(dim=1)
        logits = each[rows, level.clamp(max=len(self.heads) - 1)]
        return Choice(logits, offers, several, level, _mean(image, there), _mean(text, keep))

    def answer_logits(
        self,
        input_ids: Tensor,
        labels: Tensor,
        *,
        segments: Tensor,
        positions: Tensor,
        views: Sequence[Tensor],
        layouts: Sequence[Layout],
        media: Sequence[Tensor] = (),
    ) -> AnswerLogits:
        """Logits (N, W) where answers stand: those of the offered answers, and behind them that the answer ends."""
        del positions, media
        learnt = labels != IGNORED
        before = (learnt.long().cummax(dim=1).values == 0) & (segments > 0)
        chosen = self.choose(input_ids, before, views, layouts)
        row, place = learnt.nonzero(as_tuple=True)
        targets = labels[row, place]
        scores = self._word_scores(chosen)[row]
        ends = targets == self.config.end_token
        scores[ends] = torch.nn.functional.one_hot(targets[ends], scores.shape[1]).to(scores.dtype) * 100
        return AnswerLogits(scores, targets, row, place)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        views: Sequence[Tensor] = (),
        layouts: Sequence[Layout] = (),
        *,
        media: Sequence[Tensor] = (),
        **options: Any,
    ) -> Any:
        """Write the tokens of the answers that are given, then the end; as `generate` of transformers, greedily."""
        del media
        chosen = self.choose(input_ids, attention_mask.bool(), views, layouts)
        end = int(self.config.end_token)
        said = [[*(row.nonzero()[:, 0] + self.config.first_answer).tolist(), end] for row in chosen.said()]
        written, logits, scores = input_ids, [], self._word_scores(chosen)
        most = min(int(options.get("max_new_tokens") or max(map(len, said))), max(map(len, said)))
        for step in range(most):
            wanted = torch.tensor([row[step] if step < len(row) else end for row in said], device=input_ids.device)
            now = scores + 2e4 * torch.nn.functional.one_hot(wanted, scores.shape[1])
            logits.append(scores if step == 0 else now)
            for processor in options.get("logits_processor") or ():
                now = processor(written, now)
            allowed = options.get("prefix_allowed_tokens_fn")
            tokens = now.argmax(dim=-1) if allowed is None else torch.tensor([allowed(0, written[0])[-1]])
            written = torch.cat([written, tokens[:, None].to(written)], dim=1)
            for stops in options.get("stopping_criteria") or ():
                stops(written, ())
        if options.get("return_dict_in_generate"):
            return SimpleNamespace(sequences=written, logits=tuple(logits))
        return written

    def _read(self, input_ids: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """States of the words (R, S, D), image tokens and padding taken out, and where one is (R, S)."""
        rows = [row[own] for row, own in zip(input_ids, keep, strict=True)]
        ids = pad_sequence(rows, batch_first=True, padding_value=int(self.language.config.pad_token_id or 0))
        lengths = torch.tensor([len(row) for row in rows], device=ids.device)
        mask = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
        states = self.language.base_model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return states, mask

    def _level(self, input_ids: Tensor, real: Tensor) -> Tensor:
        """How many answers stand before the question, at most the last level, (R,)."""
        turns: Tensor = ((input_ids == self.config.turn_token) & real).sum(dim=1) - 1
        return turns.clamp(min=0, max=_LEVELS - 1)

    def _word_scores(self, chosen: Choice) -> Tensor:
        """Logits of answers at their places among all words, (R, W); others cannot be."""
        width = int(self.language.get_input_embeddings().weight.shape[0])
        scores = chosen.logits.new_full((len(chosen.logits), width), -1e4)
        first = self.config.first_answer
        scores[:, first : first + chosen.logits.shape[1]] = chosen.logits.masked_fill(~chosen.offered, -1e4)
        return scores


def _mean(states: Tensor, keep: Tensor) -> Tensor:
    """Mean of states (R, L, D) where there are any, (R, D)."""
    weights = keep[..., None].to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1)


def offered(input_ids: Tensor, config: Any) -> Tensor:
    """Return which answers stand as tokens in rows (R, L), (R, A)."""
    places = torch.arange(config.num_answers, device=input_ids.device) + config.first_answer
    found: Tensor = (input_ids[:, :, None] == places).any(dim=1)
    return found


AutoConfig.register(ChoosingFile.model_type, ChoosingFile, exist_ok=True)
AutoModel.register(ChoosingFile, ChoosingModel, exist_ok=True)
