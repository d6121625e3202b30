"""The report of a picture: a decoder that writes it while it looks at the encoder's tokens.

Source of the setting: BenchX (Zhou et al., NeurIPS 2024), after R2Gen: encoder frozen, three layers, beam of three,
the best step by BLEU-4. Here the decoder is a plain transformer with cross-attention, without R2Gen's memory, and its
words are the model's own tokens.
Legend: B batch, L tokens of a report, P patches, N examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vesalius.adaptation.examples import Example, Examples, Target
from vesalius.adaptation.protocols.base import Outputs, Protocol
from vesalius.adaptation.settings import FitSettings
from vesalius.adaptation.trunk import Trunk
from vesalius.data.corpus import Corpus
from vesalius.data.records import Study
from vesalius.errors import ConfigError
from vesalius.metrics.text import bleu, bleu_statistics, report_tokens
from vesalius.models.text.decoder import TextDecoder

__all__ = ["PROTOCOL", "SETTINGS", "Report", "ReportSettings"]

_IGNORED = -100


@dataclass(frozen=True, kw_only=True)
class ReportSettings(FitSettings):
    """Numbers of BenchX where it has them; width and steps are for two cores."""

    roles: tuple[str, ...] = ("findings", "impression", "report", "caption", "note")
    """Roles of the texts that are written, in this order."""
    length: int = 96
    """Most tokens of a report, with start and end; 60 words in BenchX for IU X-ray."""
    depth: int = 3
    width: int = 128
    """Of the decoder; 512 in BenchX."""
    heads: int = 4
    """8 in BenchX."""
    dropout: float = 0.1
    beams: int = 3
    encoder: Literal["tuned", "frozen"] = "frozen"
    lr: float = 1e-3
    batch: int = 16
    steps: int = 600
    evaluate_every: int = 100


class Report(Protocol):
    """A text decoder on the patches."""

    task: ClassVar[str] = "report"
    capability: ClassVar[str] = "report"
    settings: ReportSettings

    def __init__(self, settings: ReportSettings, trunk: Trunk, concepts: Sequence[str]) -> None:
        super().__init__(settings, trunk, concepts)
        tokenizer = trunk.tokenizer
        if tokenizer.cls_token_id is None or tokenizer.sep_token_id is None:
            raise ConfigError("a report is written between a start and an end token, and this tokenizer has none")
        self.decoder = TextDecoder(
            len(tokenizer),
            width=settings.width,
            depth=settings.depth,
            heads=settings.heads,
            length=settings.length,
            source_width=trunk.width,
            dropout=settings.dropout,
        )

    @classmethod
    def fits(cls, study: Study) -> bool:
        """A study with something said of it."""
        return any(text.text.strip() for text in study.texts)

    def target(self, example: Example, corpus: Corpus) -> Target:
        """Return the report's tokens from start to end, padded, (L,); a longer one loses its end."""
        del corpus
        tokenizer = self.trunk.tokenizer
        ids = tokenizer(self._text(example), max_length=self.settings.length, truncation=True, padding="max_length")[
            "input_ids"
        ]
        return {"input_ids": np.asarray(ids, dtype=np.int64)}

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Cross-entropy of each next token; padding does not count."""
        ids = batch["input_ids"]
        logits = self.decoder(ids[:, :-1], self._source(batch))
        wanted = ids[:, 1:].masked_fill(ids[:, 1:] == self.trunk.tokenizer.pad_token_id, _IGNORED)
        return functional.cross_entropy(logits.float().transpose(1, 2), wanted, ignore_index=_IGNORED)

    def outputs(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Write with beams: token numbers without the start, ended and filled by the end token, (B, L)."""
        tokenizer, settings = self.trunk.tokenizer, self.settings
        written = self.decoder.beam(
            self._source(batch),
            start=tokenizer.cls_token_id,
            end=tokenizer.sep_token_id,
            longest=settings.length - 1,
            beams=settings.beams,
        ).tokens
        return {
            "written": functional.pad(written, (0, settings.length - written.shape[1]), value=tokenizer.sep_token_id)
        }

    def validation(self, examples: Examples, outputs: Outputs) -> float:
        """BLEU-4 of the split."""
        texts = self.measured(examples, outputs)
        tokens = [[report_tokens(text) for text in texts[name]] for name in ("written", "reference")]
        return float(bleu(bleu_statistics(*tokens).sum(axis=0))[3])

    def measured(self, examples: Examples, outputs: Outputs) -> Outputs:
        """Return what was written and what was said, as texts, (N,) each."""
        said = self.texts(outputs["written"])
        truth = [self._text(example) for example in examples.chosen]
        return {name: np.array(texts, dtype=object) for name, texts in (("written", said), ("reference", truth))}

    def texts(self, written: NDArray[Any]) -> list[str]:
        """Return the words of token numbers (B, L) before the first end of each."""
        texts: list[str] = self.trunk.tokenizer.batch_decode(self._ended(written), skip_special_tokens=True)
        return texts

    def _ended(self, written: NDArray[Any]) -> list[list[int]]:
        """Tokens before the first end of each row."""
        end = self.trunk.tokenizer.sep_token_id
        return [row[: row.index(end)] if end in row else row for row in written.astype(np.int64).tolist()]

    def _source(self, batch: Mapping[str, Tensor]) -> Tensor:
        tokens = self.trunk.model.encode_image(batch["pixel_values"], project=False).tokens
        assert tokens is not None
        return tokens

    def _text(self, example: Example) -> str:
        texts = (text for role in self.settings.roles for text in example.known.texts if text.role == role)
        return " ".join(text.text.strip() for text in texts if text.language == "en")


PROTOCOL = Report
SETTINGS = ReportSettings
