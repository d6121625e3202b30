"""Which answer of a list is right, from a picture and a question about it; the encoders tuned or frozen.

Answers are classes: those of the training questions, or with `answers="train+test"` those of the tested ones, too, as
the lists of the VQA-RAD releases hold. An answer that is not in the list is never right, and is counted.
Heads: "pooled", one vector of each side and their product; "fusion", what a method that reads both together gives
(M3AE, Chen et al., MICCAI 2022: matrix, norm, GELU, matrix); "mevf" and "qcr", the pipelines into which PubMedCLIP
(Eslami et al., EACL 2023) puts an image encoder, beside an autoencoder's code: see `vesalius.models.answering`.
Source of the numbers, where none is given: M3AE's fine-tuning (question of 32 tokens, binary cross-entropy summed
over answers). Its fusion learns at five times the encoders' rate; here the two share one. Words have no vectors from
elsewhere unless `word_vectors` names a file. The type classifier of "qcr" learns beside the branches, not before.
See `vesalius.adaptation.questions` for which questions are asked.
Legend: B batch, N examples, A answers, F width, L tokens or words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vesalius.adaptation.examples import Example, Examples, Subset, Target
from vesalius.adaptation.fit import answer
from vesalius.adaptation.protocols.base import Outputs, Protocol
from vesalius.adaptation.questions import BRANCH, askable, asked, family, questions_of, shown, usual_answers
from vesalius.adaptation.settings import FitSettings
from vesalius.adaptation.trunk import Trunk
from vesalius.data.corpus import Corpus
from vesalius.errors import CapabilityError, DataError
from vesalius.metrics.answers import plain_answer
from vesalius.models.answering import CLOSED, OPEN, AnsweringConfig, JointAnswers, PooledAnswers, RoutedAnswers
from vesalius.models.fusion.heads import AnswerHead
from vesalius.models.text.recurrent import neighbour_shares, read_vectors, split_words, word_numbers
from vesalius.models.vision.autoencoder import CODE_WIDTH, ConvolutionalAutoencoder, grey_square

__all__ = ["PROTOCOL", "SETTINGS", "VQA", "VQASettings"]

_BLANK, _MAJORITY = "blank_picture", "majority_answer"


@dataclass(frozen=True, kw_only=True)
class VQASettings(FitSettings):
    """Numbers of M3AE, or of PubMedCLIP's code for the heads "mevf" and "qcr"; rate and steps are ours."""

    head: Literal["pooled", "fusion", "mevf", "qcr"] = "pooled"
    answers: Literal["train", "train+test"] = "train"
    steps: int = 600
    question_length: int = 32
    """Tokens, or words for "mevf" and "qcr" (12 there), of a question that are read."""
    over_answers: Literal["sum", "mean"] = "sum"
    """Of the cross-entropies of one question (code of "qcr": mean)."""
    width: int = 1024
    """Of the question and of the attention, "mevf" and "qcr"; of both sides for "pooled"."""
    word_width: int = 300
    word_vectors: str = ""
    """Text file of word vectors to start from (GloVe of 300 there)."""
    word_neighbours: bool = True
    """Beside each word's vector, the mean of its neighbours' in the training questions, by TF-IDF."""
    recurrent: Literal["gru", "lstm", ""] = ""
    """Empty for an LSTM with "mevf" and a GRU with "qcr"."""
    attention: Literal["bilinear", "stacked"] = "bilinear"
    """Of "mevf"."""
    glimpses: int = 0
    """Of bilinear attention; 0 for 2 with "mevf" and 10 with "qcr"."""
    dropout: float = 0.5
    autoencoder: bool = True
    """Set the code of an autoencoder beside the picture's vector, "mevf" and "qcr"."""
    autoencoder_weight: float = 0.001
    """Weight of its error; at 0 its decoder does not learn, and its code still stands in the vector."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("question_length", "width", "word_width"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        if min(self.glimpses, self.autoencoder_weight) < 0 or not 0 <= self.dropout < 1:
            raise ValueError("glimpses and autoencoder_weight must be at least 0, and dropout from 0 to below 1")
        if self.head == "qcr" and self.attention == "stacked":
            raise ValueError('attention "stacked" is of head "mevf"')

    @property
    def by_words(self) -> bool:
        """Whether the question is read word by word, not by the trunk's text encoder."""
        return self.head in ("mevf", "qcr")

    def answering(self, words: int) -> AnsweringConfig:
        """Return the sizes of the question's side for a list of so many words."""
        routed = self.head == "qcr"
        return AnsweringConfig(
            words=words, word_width=self.word_width, width=self.width, dropout=self.dropout,
            recurrent=self.recurrent or ("gru" if routed else "lstm"), twice=self.word_neighbours,
            attention=self.attention, glimpses=self.glimpses or (10 if routed else 2),
        )  # fmt: skip


class VQA(Protocol):
    """One logit an answer."""

    task: ClassVar[str] = "vqa"
    capability: ClassVar[str] = "answer"
    unit: ClassVar[str] = "questions"
    by_concept: ClassVar[bool] = False
    controls: ClassVar[Mapping[str, str]] = {
        _BLANK: "the same head asked with a picture of the mean value everywhere: what the questions alone give away",
        _MAJORITY: "the answer that training gives most often to this family of questions: no head at all",
    }
    settings: VQASettings

    def __init__(
        self,
        settings: VQASettings,
        trunk: Trunk,
        concepts: Sequence[str] = (),
        *,
        closed: Sequence[str],
        open: Sequence[str],
        words: Sequence[str],
    ) -> None:
        """Build the head.

        Args:
            settings: of the fit.
            trunk: the encoders.
            concepts: none.
            closed: answers of closed questions and of those with options.
            open: answers of open questions.
            words: of the questions.
        """
        super().__init__(settings, trunk, concepts)
        self.facts = {"closed": tuple(closed), "open": tuple(open), "words": tuple(words)}
        self.answers = tuple(dict.fromkeys((*closed, *open)))
        self.places = {name: place for place, name in enumerate(self.answers)}
        self.own = tuple({name: place for place, name in enumerate(names)} for names in (closed, open))
        self.words = {name: place for place, name in enumerate(words)}
        own_code = settings.by_words and settings.autoencoder
        self.autoencoder = ConvolutionalAutoencoder() if own_code else None
        self.head = self._head(trunk, len(closed), len(open))

    def _head(self, trunk: Trunk, closed: int, open: int) -> nn.Module:
        settings, answers = self.settings, len(self.answers)
        if settings.head == "pooled":
            return PooledAnswers(trunk.width, trunk.model.text.width, width=settings.width, answers=answers)
        if settings.head == "fusion":
            if not trunk.method.fused_width:
                raise CapabilityError(
                    f'head "fusion" needs a method that reads image and text together, such as m3ae, and '
                    f'{type(trunk.method).__name__} does not: take head "pooled", "mevf" or "qcr"'
                )
            return AnswerHead(trunk.method.fused_width, answers=answers)
        width = trunk.projected_width + (CODE_WIDTH if self.autoencoder is not None else 0)
        config = settings.answering(len(self.words))
        if settings.head == "mevf":
            return JointAnswers(width, answers=answers, config=config)
        return RoutedAnswers(width, closed=closed, open=open, config=config)

    @classmethod
    def facts_of(cls, views: Mapping[str, Corpus], settings: FitSettings) -> Mapping[str, Any]:
        """Return the answers of closed and of open questions, sorted, and the words of the training questions."""
        assert isinstance(settings, VQASettings)
        parts = ("train", "test") if settings.answers == "train+test" else ("train",)
        found: tuple[set[str], set[str]] = (set(), set())
        for part in parts:
            for dialogue in questions_of(views[part]):
                found[BRANCH[dialogue.answer_type]].add(plain_answer(dialogue.answer))
        if not any(found):
            raise DataError(
                "training split: no study with a picture has a question that is asked once and answered by a text"
            )
        words = {word for dialogue in questions_of(views["train"]) for word in split_words(asked(dialogue))}
        return {
            "closed": tuple(sorted(found[CLOSED])),
            "open": tuple(sorted(found[OPEN])),
            "words": tuple(sorted(words)),
        }

    @classmethod
    def choose(cls, corpus: Corpus, concepts: Sequence[str]) -> list[Example]:
        """Return the questions of a split, each about the picture that it names, else the first frontal one."""
        del concepts
        nothing = np.zeros(0)
        return [
            Example(
                study=study.id, patient=study.patient, labels=nothing, known=study, question=dialogue,
                image=study.image(named[0]) if (named := shown(dialogue)) else study.main_image,
            )
            for study in corpus
            for dialogue in askable(study)
        ]  # fmt: skip

    def begin(self, train: Corpus) -> None:
        """Give the words their vectors from a file, and their neighbours'."""
        if not isinstance(self.head, JointAnswers | RoutedAnswers):
            return
        path = self.settings.word_vectors
        vectors = read_vectors(Path(path), self.words, width=self.settings.word_width) if path else {}
        spoken = [[self.words[word] for word in split_words(asked(dialogue))] for dialogue in questions_of(train)]
        self.head.question.begin(vectors, neighbour_shares(spoken, len(self.words)))
        if isinstance(self.head, RoutedAnswers):
            for part in (self.head.factors, self.head.kind):
                part.question.begin(vectors, torch.zeros(0))

    def target(self, example: Example, corpus: Corpus) -> Target:
        """Return the question's tokens or words, (L,), the right answer's number, −1 for none, and the branch."""
        del corpus
        assert example.question is not None
        branch = BRANCH[example.question.answer_type]
        right = plain_answer(example.question.answer)
        found = {
            "answer": np.array(self.places.get(right, -1)),
            "own_answer": np.array(self.own[branch].get(right, -1)),
            "branch": np.array(branch),
        }
        return {**found, **self.question(asked(example.question))}

    def question(self, text: str) -> Target:
        """Return the tokens and their mask, or the words, of a question, (L,) each; a longer one loses its end."""
        if self.settings.by_words:
            return {"words": word_numbers(text, self.words, length=self.settings.question_length)}
        length = min(self.settings.question_length, self.trunk.model.settings.text_length)
        tokens = self.trunk.tokenizer(
            text, padding="max_length", truncation=True, max_length=length, return_tensors="np"
        )
        return {"input_ids": tokens["input_ids"][0], "attention_mask": tokens["attention_mask"][0]}

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Binary cross-entropy of the answers of each question, plus the routes' and the weighted autoencoder's."""
        image, error = self._image(batch, rebuild=self.settings.autoencoder_weight > 0)
        if isinstance(self.head, RoutedAnswers):
            loss = self._routed_loss(self.head, image, batch)
        else:
            loss = self._cross_entropy(self._logits(image, batch), batch["answer"])
        return loss if error is None else loss + self.settings.autoencoder_weight * error

    def _routed_loss(self, head: RoutedAnswers, image: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """Sum of both branches' means, each over the questions that are truly its own, and that of the types."""
        branch = batch["branch"]
        logits = head(image, batch["words"], branch)
        loss = functional.cross_entropy(head.type_logits(batch["words"]).float(), branch)
        for number, part in enumerate(logits):
            loss = loss + self._cross_entropy(part, batch["own_answer"][branch == number][: len(part)])
        return loss

    def _cross_entropy(self, logits: Tensor, answer: Tensor) -> Tensor:
        """Mean over questions; 0 where there is none. An answer that is not in the list has no target of 1."""
        if not logits.numel():
            return logits.sum() * 0.0
        target = torch.zeros_like(logits, dtype=torch.float32)
        listed = torch.nonzero(answer >= 0)[:, 0]
        target[listed, answer[listed]] = 1.0
        each = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
        return each.sum(dim=1).mean() if self.settings.over_answers == "sum" else each.mean()

    def outputs(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits of all answers, (B, A), and the branch that each question went, (B,), −1 where there is one list.

        A question that goes a branch can only get its answers: the others have −inf.
        """
        image, _ = self._image(batch)
        if not isinstance(self.head, RoutedAnswers):
            logits = self._logits(image, batch)
            return {"logits": logits, "route": torch.full_like(batch["branch"], -1)}
        route = self.head.route(batch["words"]).argmax(dim=1)
        found = self.head(image, batch["words"], route)
        logits = found.closed.new_full((len(route), len(self.answers)), float("-inf")).float()
        for number, part in enumerate(found):
            rows = torch.nonzero(route == number)[:, 0]
            columns = torch.tensor([self.places[name] for name in self.own[number]], device=rows.device)
            if len(rows) and len(columns):
                logits[rows[:, None], columns] = part.float()
        return {"logits": logits, "route": route}

    def _image(self, batch: Mapping[str, Tensor], *, rebuild: bool = False) -> tuple[Tensor, Tensor | None]:
        """Visual vectors, (B, 1, F), for the heads by words, and the error of the autoencoder; else the pictures."""
        pixels = batch["pixel_values"]
        if not self.settings.by_words:
            return pixels, None
        vector = self.trunk.projected(pixels)
        if self.autoencoder is None:
            return vector[:, None], None
        processor = self.trunk.processor
        mean, std = (torch.as_tensor(np.reshape(part, (-1, 1, 1)), dtype=pixels.dtype, device=pixels.device)
                     for part in (processor.mean, processor.std))  # fmt: skip
        grey = grey_square(pixels * std + mean)
        code, hidden = self.autoencoder(grey)
        error = functional.mse_loss(self.autoencoder.rebuilt(hidden).float(), grey.float()) if rebuild else None
        return torch.cat([vector, code], dim=1)[:, None], error

    def _logits(self, image: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        if self.settings.by_words:
            out: Tensor = self.head(image, batch["words"])
            return out
        method, ids, mask = self.trunk.method, batch["input_ids"], batch["attention_mask"].long()
        if self.settings.head == "pooled":
            text = self.trunk.model.encode_text(ids, mask, local=False).pooled
            out = self.head(self.trunk.pooled(image), text)
            return out
        seen = self.trunk.model.encode_image(image, project=False)
        out = self.head(method.fused(seen, self.trunk.model.encode_text(ids, mask, project=False), mask))
        return out

    def encoder_parts(self) -> list[nn.Module]:
        """Both encoders, the fusion with them, or for the heads by words the image encoder and its projection."""
        if self.settings.head == "fusion":
            return [self.trunk.method]
        if self.settings.by_words:
            return [*self.trunk.vision_parts(), self.trunk.model.vision_head]
        pool = self.trunk.model.text_pool
        return [*self.trunk.vision_parts(), self.trunk.model.text, *([] if pool is None else [pool])]

    def validation(self, examples: Examples, outputs: Outputs) -> float:
        """Accuracy over all questions."""
        return float(np.mean(self.measured(examples, outputs)["correct"]))

    def measured(self, examples: Examples, outputs: Outputs) -> Outputs:
        """Compare the answer with the highest logit, the first of equal ones, with the right one."""
        said = [self.answers[place] for place in outputs["logits"].argmax(axis=1)]
        return self._compared(examples, said, route=outputs["route"])

    def _compared(self, examples: Examples, said: Sequence[str], *, route: Sequence[int] | Any) -> Outputs:
        """Return what the task reads, (N,) each: correct, said, type, family, listed, chance and route."""
        rows: dict[str, list[Any]] = {name: [] for name in ("correct", "type", "family", "listed", "chance")}
        for example, words, way in zip(examples.chosen, said, route, strict=True):
            assert example.question is not None
            branch, right = BRANCH[example.question.answer_type], plain_answer(example.question.answer)
            own, listed = self.own[branch], self.places if way == -1 else self.own[branch]
            rows["correct"].append(float(words == right and way in (-1, branch)))
            rows["type"].append(example.question.answer_type)
            rows["family"].append(family(example.question))
            rows["listed"].append(right in listed)
            rows["chance"].append(1 / len(own) if right in own else 0.0)
        return {
            **{name: np.array(part) for name, part in rows.items()},
            "said": np.array(said),
            "route": np.array(route),
        }

    def blind(self, train: Subset, examples: Examples, *, batch: int) -> Mapping[str, Outputs]:
        """Answer without the picture: by the same head, and by the most frequent answer of the question's family."""
        taught = [train.whole.chosen[row].question for row in train.rows]
        usual = usual_answers([question for question in taught if question is not None])
        said = [usual(example.question) for example in examples.chosen if example.question is not None]
        return {
            _BLANK: self.measured(examples, answer(self, examples, batch=batch, blank=True)),
            _MAJORITY: self._compared(examples, said, route=[-1] * len(said)),
        }


PROTOCOL = VQA
SETTINGS = VQASettings
