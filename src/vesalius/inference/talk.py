"""A conversation with a model that goes on: what was said, what is attached, and what went wrong left out."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from vesalius.data.conversations.objects import media_size
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, MediaKind, Message
from vesalius.errors import DataError
from vesalius.inference.predictor import Predictor
from vesalius.inference.requests import Decoding, Reply, Request

__all__ = ["Talk"]


@dataclass
class Talk:
    """Turns with one model."""

    predictor: Predictor
    decoding: Decoding
    system: str = ""
    """First message; none where empty."""
    messages: tuple[Message, ...] = ()
    waiting: list[Media] = field(default_factory=list)
    """Media that the next question shows."""
    asked: int = 0

    def __post_init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was said and what is attached."""
        self.messages = (Message(role="system", parts=(self.system,)),) if self.system else ()
        self.waiting = []

    def attach(self, path: str, kind: MediaKind = "image") -> Media:
        """Show a file with the next question.

        Raises:
            DataError: it is not there, or a picture of it cannot be read.
        """
        file = Path(path).expanduser()
        if not file.exists():
            raise DataError(f"{path}: no such file")
        media = Media(path=str(file.absolute()), kind=kind)
        if kind == "image":
            media_size(media.path)
        self.waiting.append(media)
        return media

    def attach_study(self, corpus: Corpus, study_id: str) -> tuple[Media, ...]:
        """Show all images of a study with the next question.

        Raises:
            DataError: no such study, or it has no image.
        """
        study = corpus.study(study_id)
        if not study.images:
            raise DataError(f"study {study_id!r} has no image")
        found = tuple(
            Media(
                path=str(corpus.path(image.path)),
                kind="image" if image.kind == "slide" else image.kind,
                frame=image.frame,
            )
            for image in study.images
        )
        self.waiting += found
        return found

    def ask(self, text: str) -> Generator[str | Reply]:
        """Ask, with what is attached: pieces of the answer as they come, at last the reply.

        A question that fails is left out, and what was attached with it. An answer that is broken off by closing the
        iterator stays as far as it came.
        """
        self.asked += 1
        question = Message(role="user", parts=(*self.waiting, text))
        messages = (*self.messages, question)
        self.waiting = []
        said, failed = "", False
        stream = self.predictor.stream(
            Request(id=f"turn {self.asked}", messages=messages, decoding=self.decoding, question=text)
        )
        try:
            for piece in stream:
                if isinstance(piece, Reply):
                    failed = piece.finish == "error"
                else:
                    said += piece
                yield piece
        finally:
            if hasattr(stream, "close"):
                stream.close()
            if said and not failed:
                self.messages = (*messages, Message(role="assistant", parts=(said,)))
