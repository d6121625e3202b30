"""Questions, conversations and options of releases as dialogues.

A picture that a turn shows stands in `Turn.images`. The text holds an ``<image>`` for each of them where one stands
inside it, and none where all stand before or after it: both say the same, and the second is what most releases mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from vesalius.data.records import Dialogue, Turn
from vesalius.errors import DataError

__all__ = ["IMAGE_TOKEN", "answer_kind", "asked", "conversation", "matching", "unlettered"]

IMAGE_TOKEN = "<image>"
_EDGES = re.compile(rf"^(?:\s*{IMAGE_TOKEN})*\s*|\s*(?:{IMAGE_TOKEN}\s*)*$")
_ROLES = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system",
    "bot": "assistant", "chatgpt": "assistant", "bing": "assistant",
}  # fmt: skip


def asked(
    id: str, question: str, answer: str, *, images: Sequence[str] = (), answer_type: str = "open",
    options: Sequence[str] = (), source: str = "", language: str = "en",
) -> Dialogue:  # fmt: skip
    """Return a single question with its answer."""
    turn = Turn(role="user", text=question, images=tuple(images))
    return Dialogue(
        id=id, turns=(turn,), answer=answer, options=tuple(options), answer_type=answer_type, language=language,
        source=source,
    )  # fmt: skip


def conversation(
    id: str, said: Iterable[tuple[str, str]], *, images: Sequence[str], source: str, language: str = "en"
) -> Dialogue:
    """Return a conversation; its last answer is the dialogue's.

    Args:
        id: of the dialogue.
        said: speaker ("human", "user", "gpt", "assistant", "system") and text of each turn, with ``<image>`` where
            a picture is shown; where none is in the whole conversation, the first question shows all.
        images: ids of the pictures in the order in which they are shown.
        source: the release's own name of the kind.
        language: BCP 47.

    Raises:
        DataError: an unknown speaker, or another number of ``<image>`` than of pictures.
    """
    spoken = list(said)
    tokens = sum(text.count(IMAGE_TOKEN) for _, text in spoken)
    if tokens and tokens != len(images):
        raise DataError(f"{tokens} {IMAGE_TOKEN} in the text and {len(images)} pictures; expected one for each")
    left, turns = list(images), []
    for speaker, text in spoken:
        role = _ROLES.get(speaker)
        if role is None:
            raise DataError(f"speaker {speaker!r}, expected one of {', '.join(_ROLES)}")
        count = text.count(IMAGE_TOKEN) if tokens else len(left) * (role == "user")
        shown, left = tuple(left[:count]), left[count:]
        turns.append(Turn(role=role, text=_without_edges(text), images=shown))  # type: ignore[arg-type]
    answer = turns.pop().text if turns and turns[-1].role == "assistant" else ""
    return Dialogue(id=id, turns=tuple(turns), answer=answer, answer_type="open", source=source, language=language)


def _without_edges(text: str) -> str:
    """Remove the tokens before and after a text; where one stands inside it, all stay."""
    bare = _EDGES.sub("", text)
    return text.strip() if IMAGE_TOKEN in bare else bare


def answer_kind(mark: str) -> str:
    """Return "closed" or "open" for a release's mark, such as "CLOSED " with its space."""
    plain = mark.strip().casefold()
    return {"closed": "closed", "open": "open", "yes/no": "closed", "number": "number"}.get(plain, "open")


def unlettered(option: str, letter: str) -> str:
    """Return an option without its own letter: "mass" for " A: mass " and "A", but "C. difficile" stays."""
    return re.sub(rf"^\s*\(?{letter}\s*[:)]\s*", "", option).strip()


def matching(answer: str, options: Sequence[str]) -> str:
    """Return the option that is the answer by its words, whatever its case and last dot; the answer if none is."""
    plain = _plain(answer)
    return next((option for option in options if _plain(option) == plain), answer)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold().rstrip(".")
