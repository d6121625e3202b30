from __future__ import annotations

import stat
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vesalius.data.messages import Media, Message
from vesalius.inference.backends.openai import open_model
from vesalius.inference.mock import MockEndpoint, MockSettings
from vesalius.inference.reply_cache import ReplyCache
from vesalius.inference.requests import Decoding, Reply, Request

KEY = ReplyCache.key("http://h", b"{}", read_as="")


def ask(text: str, *, id: str = "a", **more: object) -> Request:
    return Request(id=id, messages=(Message(role="user", parts=(text,)),), **more)  # type: ignore[arg-type]


def replies(mock: MockEndpoint, folder: Path, *requests: Request, model: str = "m", more: str = "") -> list[Reply]:
    opened = open_model(f"openai:{mock.address}#{model}?cache={folder}&backoff_s=0&tries=2{more}", device="cpu")
    return sorted(opened.generate(requests), key=lambda reply: reply.id)


def test_what_was_answered_is_not_asked_again_whatever_its_id(tmp_path: Path) -> None:
    with MockEndpoint() as mock:
        first = replies(mock, tmp_path, ask("why"))
        again = replies(mock, tmp_path, ask("why", id="b"))
    assert mock.counts == {"ok": 1}
    assert again == [replace(first[0], id="b", cached=True)]
    assert not first[0].cached


def test_whatever_changes_the_answer_is_asked_anew(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    shown = Request(id="a", messages=(Message(role="user", parts=(Media(path=str(picture)), "why")),))

    def draw(value: int) -> None:
        Image.fromarray(np.full((4, 4), value, dtype=np.uint8)).save(picture)

    draw(1)
    with MockEndpoint() as mock:
        replies(mock, tmp_path / "c", ask("why"))
        replies(mock, tmp_path / "c", ask("why not"))
        replies(mock, tmp_path / "c", ask("why"), model="other")
        replies(mock, tmp_path / "c", ask("why", decoding=Decoding(max_tokens=3)))
        replies(mock, tmp_path / "c", ask("why", choices=("A", "B")))
        replies(mock, tmp_path / "c", ask("why", choices=("A", "B")), more="&structured=json")
        replies(mock, tmp_path / "c", shown)
        assert mock.counts == {"ok": 7}
        # The same path with other pixels is another question; the same pixels again are not.
        draw(2)
        replies(mock, tmp_path / "c", shown)
        draw(1)
        replies(mock, tmp_path / "c", shown)
        assert mock.counts == {"ok": 8}


def test_an_answer_by_chance_is_refused_and_said_to_be(tmp_path: Path) -> None:
    drawn = ask("why", decoding=Decoding(temperature=1.0))
    with MockEndpoint() as mock:
        for _ in range(2):
            with pytest.warns(UserWarning, match="drawn by chance .* are not cached") as told:
                replies(mock, tmp_path, drawn, replace(drawn, id="b"))
            assert len(told) == 1
    assert mock.counts == {"ok": 4}
    assert not list(tmp_path.rglob("*.json"))


def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    with MockEndpoint(settings=MockSettings(faults={"500": 1.0}, fault_tries=2)) as mock:
        assert replies(mock, tmp_path, ask("why"))[0].finish == "error"
        assert replies(mock, tmp_path, ask("why"))[0].finish == "stop"


def test_a_damaged_file_is_asked_anew_and_mended(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put(KEY, Reply(id="x", text="yes", log_probabilities={"A": -1.0}, tokens={"A": 1}))
    path = next(tmp_path.rglob("*.json"))
    for content in (b"", b"{", b"[1]", b'{"text"', b"null", b'"text"'):
        path.write_bytes(content)
        assert cache.get(KEY, request="y") is None
    cache.put(KEY, Reply(id="x", text="no"))
    assert cache.get(KEY, request="y") == Reply(id="y", text="no", cached=True)


def test_the_folder_is_for_its_owner_alone_and_nothing_half_written_stays(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "kept")
    cache.put(KEY, Reply(id="x", text="yes"))
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "kept").rglob("*") if path.is_file()] == [f"{KEY}.json"]


def test_equal_bytes_cut_elsewhere_are_another_key() -> None:
    assert ReplyCache.key("ab", b"c", read_as="") != ReplyCache.key("a", b"bc", read_as="")


def test_without_a_cache_nothing_is_said_of_chance() -> None:
    with MockEndpoint() as mock, warnings.catch_warnings():
        warnings.simplefilter("error")
        list(
            open_model(f"openai:{mock.address}#m", device="cpu").generate(
                [ask("?", decoding=Decoding(temperature=1))]
            )
        )
