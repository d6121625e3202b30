"""The talk behind `vesalius chat`: commands, what is told of answers, and the end of one by Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vesalius.cli.console import emit, say
from vesalius.data.corpus import Corpus
from vesalius.data.messages import Media, MediaKind
from vesalius.errors import ConfigError, DataError, VesaliusError, did_you_mean
from vesalius.inference.pointing import Pointed, Pointer, draw
from vesalius.inference.requests import Reply
from vesalius.inference.talk import Talk

__all__ = ["Chat", "media_first"]

_NOTE = "{name} is for research and no medical device; its answers may be wrong."
_VIRTUAL = (
    "{name} learnt from virtual patients alone: it is no clinical tool, and says nothing reliable of real ones."
)
_HELP = """/image PATH   show a picture with the next question
/volume PATH  show a volume: NIfTI, or a folder of slices
/video PATH   show a clip
/study ID     show the images of a study of --corpus
/save FILE    draw the boxes of the last answer into a PNG file
/new          begin anew
/quit         leave; so does the end of the input
Ctrl-C ends an answer."""


@dataclass
class Chat:
    """One session with a model."""

    talk: Talk
    pointer: Pointer | None
    corpus: str = ""
    folder: str = ""
    """For pictures of answers that name places; empty for none."""
    quiet: bool = False
    """Nothing but the document at the end on stdout."""
    failed: int = 0
    interactive: bool = False
    turns: list[dict[str, Any]] = field(default_factory=list)
    _pointed: Pointed | None = None
    _opened: Corpus | None = None

    def note(self) -> None:
        """Say what the model is not."""
        say(self._note)

    @property
    def _note(self) -> str:
        learnt = self.talk.predictor.identity.get("trained_on")
        virtual = isinstance(learnt, dict) and bool(learnt.get("virtual"))
        return (_VIRTUAL if virtual else _NOTE).format(name=self.talk.predictor.name)

    def run(self, questions: Sequence[str]) -> None:
        """Ask the questions, or what stdin holds, until the end or /quit."""
        self.interactive = not questions and sys.stdin.isatty()
        for line in questions or self._lines():
            words = line.strip()
            if not words:
                continue
            try:
                if words.startswith("/"):
                    if words == "/quit":
                        return
                    self._command(*words.partition(" ")[::2])
                else:
                    self._ask(words)
            except (VesaliusError, OSError) as error:
                self.failed += 1
                say(f"error: {_told(error)}")

    def document(self) -> None:
        """Print the session as one JSON document."""
        emit({"model": dict(self.talk.predictor.identity), "note": self._note, "turns": self.turns}, True, "")

    def show(self, path: str, kind: MediaKind) -> None:
        """Attach a file."""
        self.talk.attach(path, kind)
        say(f"{kind} {Path(path).name} is shown with the next question")

    def show_study(self, study: str) -> None:
        """Attach a study of the corpus."""
        if not self.corpus:
            raise ConfigError("no corpus: start with --corpus FOLDER")
        self._opened = self._opened or Corpus.open(self.corpus)
        found: Sequence[Media] = self.talk.attach_study(self._opened, study)
        kinds = ", ".join(one.kind for one in found)
        say(f"study {study} is shown with the next question: {kinds}")

    def _lines(self) -> Iterator[str]:
        if not self.interactive:
            yield from sys.stdin
            return
        say("/help names the commands")
        while True:
            try:
                yield input("> ")
            except KeyboardInterrupt:
                say("\n/quit or Ctrl-D leaves")
            except EOFError:
                return

    def _command(self, name: str, rest: str) -> None:
        known: dict[str, Callable[[str], None]] = {
            "/image": lambda path: self.show(path, "image"),
            "/volume": lambda path: self.show(path, "volume"),
            "/video": lambda path: self.show(path, "video"),
            "/study": self.show_study,
            "/save": self._save,
            "/new": self._begin_anew,
            "/help": lambda _: say(_HELP),
        }
        if name not in known:
            raise ConfigError(f"no command {name!r}{did_you_mean(name, known)}; /help names them")
        words = rest.strip()
        if not words and name not in ("/new", "/help"):
            raise ConfigError(f"{name} needs a name behind it; see /help")
        known[name](words)

    def _begin_anew(self, _: str) -> None:
        self.talk.begin_anew()
        self._pointed = None
        say("begun anew")

    def _save(self, path: str) -> None:
        if self._pointed is None:
            raise DataError("the last answer names no place that can be drawn")
        draw(self._pointed, Path(path).expanduser())
        say(f"wrote {path}")

    def _ask(self, question: str) -> None:
        """Write an answer as it comes; Ctrl-C ends it, and what came stays."""
        text, reply, broken_off = "", None, False
        stream = self.talk.ask(question)
        try:
            for piece in stream:
                if isinstance(piece, Reply):
                    reply = piece
                    continue
                text += piece
                self._print(piece)
        except KeyboardInterrupt:
            stream.close()
            reply, broken_off = Reply(id="", text=text, finish="length"), True
            say("\nended by Ctrl-C; what came stays")
        self._print("\n")
        self._tell(question, text, reply, broken_off=broken_off)

    def _tell(self, question: str, text: str, reply: Reply | None, *, broken_off: bool) -> None:
        """Say what is to be known of an answer beside its words, and remember it."""
        if reply is None or reply.finish == "error":
            self.failed += 1
            why = reply.error if reply else "no answer came"
            say(f"error: {why}; the question is left out, and what was attached with it. /new begins anew")
        elif reply.finish == "length" and not broken_off:
            say("the answer ends at --max-tokens or at the end of the context")
        self._pointed = self.pointer.read(text, self.talk.messages) if self.pointer else None
        row: dict[str, Any] = {"question": question, "answer": text, "places": [], "file": ""}
        if self._pointed:
            row["places"] = self._pointed.rows()
            row["file"] = self._drawn(self._pointed)
        if reply is not None:
            facts = ("finish", "error", "tokens_in", "tokens_out", "seconds")
            row |= {name: getattr(reply, name) for name in facts}
        self.turns.append(row)

    def _drawn(self, pointed: Pointed) -> str:
        """Tell the places of an answer, and draw them where a folder was named; return the file."""
        for one in pointed.rows():
            places = ", ".join(str([round(value, 1) for value in place]) for place in (*one["boxes"], *one["points"]))
            say(f"{one['name'] or 'place'}: {places} in pixels of {Path(pointed.media.path).name}")
        if not self.folder:
            say("/save FILE.png draws them")
            return ""
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        path = Path(self.folder) / f"answer-{len(self.turns) + 1}.png"
        draw(pointed, path)
        say(f"wrote {path}")
        return str(path)

    def _print(self, text: str) -> None:
        if not self.quiet:
            sys.stdout.write(text)
            sys.stdout.flush()


def media_first(
    session: Chat, *, images: Sequence[str], volumes: Sequence[str], videos: Sequence[str], study: str
) -> None:
    """Attach what the command line names.

    Raises:
        DataError: a file is not there or cannot be read.
    """
    named: tuple[tuple[Sequence[str], MediaKind], ...] = ((images, "image"), (volumes, "volume"), (videos, "video"))
    for paths, kind in named:
        for path in paths:
            session.show(path, kind)
    if study:
        session.show_study(study)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, VesaliusError) else f"{type(error).__name__}: {error}"
