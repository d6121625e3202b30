"""An OpenAI-compatible endpoint that knows nothing and fails on purpose, for tests and for trying out a set-up.

``python -m vesalius.inference.mock --port 8000 --answer letter --latency 0.2 --fault 429=0.01`` serves it on this
machine; ``with MockEndpoint(answer=...) as mock`` runs it in a thread. Answers and faults depend on what is asked and
on the seed alone, so that two runs fail alike.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from threading import Event, Thread
from types import TracebackType
from typing import Any

from vesalius.config import Config, validate
from vesalius.errors import ConfigError, did_you_mean
from vesalius.inference.mock_answers import Answer, answer_rule, completion, share_of, words_of

__all__ = ["FAULTS", "MockEndpoint", "MockSettings", "main"]

_LARGEST_HEAD = 64 * 2**10
_CALM = "ok"


@dataclass(frozen=True, kw_only=True)
class MockSettings(Config):
    """How the endpoint behaves."""

    latency_s: float = 0.0
    """Median seconds to an answer."""
    latency_spread: float = 0.0
    """Standard deviation of the logarithm of the seconds; 0 for always the same."""
    faults: Mapping[str, float] = field(default_factory=dict)
    """Share of tries that come to each fault, by its name in `FAULTS`."""
    fault_tries: int = 0
    """One and the same request comes to at most so many faults; 0 for no bound."""
    retry_after_s: float = 0.0
    """What a 429 asks for; in whole seconds where it is at least 1."""
    log_probabilities: bool = True
    """Whether they come where they are asked for."""
    token: str = ""
    """The key that must be given; empty for none."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.faults:
            if name not in FAULTS:
                raise ValueError(f"unknown fault {name!r}{did_you_mean(name, FAULTS)}")
        if not 0 <= sum(self.faults.values()) <= 1 or min(self.faults.values(), default=0.0) < 0:
            raise ValueError(f"shares of faults must be at least 0 and sum to at most 1, found {dict(self.faults)}")
        if min(self.latency_s, self.latency_spread, self.retry_after_s, self.fault_tries) < 0:
            raise ValueError("latency_s, latency_spread, retry_after_s and fault_tries must be at least 0")


class MockEndpoint:
    """The endpoint in a thread of its own while the `with` block lasts; `address` is what a client is given."""

    def __init__(self, *, answer: Answer | str = "echo", port: int = 0, settings: MockSettings | None = None) -> None:
        """Hold what it will be; the port 0 takes a free one.

        Args:
            answer: a function of the texts of the messages, or the name of a rule, see `mock_answers.answer_rule`.
            port: on this machine.
            settings: how it behaves.
        """
        self.settings = settings or MockSettings()
        self.counts: Counter[str] = Counter()
        """Tries by what they came to: "ok", or the name of the fault."""
        self.bodies: list[dict[str, Any]] = []
        """What was asked, in the order of coming; only where `keep` is set."""
        self.keep = False
        self.most_at_once = 0
        """Most requests that were under way together."""
        self._answer = answer_rule(answer, seed=self.settings.seed) if isinstance(answer, str) else answer
        self._port = port
        self._seen: Counter[int] = Counter()
        self._failed: Counter[int] = Counter()
        self._at_once = 0
        self._started = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._problem: OSError | None = None
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), name="vesalius-mock", daemon=True)

    @property
    def address(self) -> str:
        """Base address, such as ``http://127.0.0.1:8000/v1``."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> MockEndpoint:
        """Start it.

        Raises:
            ConfigError: the port is taken.
        """
        self._thread.start()
        self._started.wait()
        if self._problem is not None:
            raise ConfigError(
                f"port {self._port} cannot be listened on: {self._problem.strerror}; name another, or 0"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it; connections are closed."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def wait(self) -> None:
        """Serve until the process is interrupted."""
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        try:
            server = await asyncio.start_server(self._accept, "127.0.0.1", self._port, limit=2**20)
        except OSError as error:
            self._problem = error
            self._started.set()
            return
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it is closed or a fault closes it."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _length(head)
                body = await reader.readexactly(length)
                if not await self._respond(head, body, writer):
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _respond(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Send one answer; False where the connection ends with it."""
        refusal = self._refused(head)
        if refusal is not None:
            self.counts[str(refusal[0])] += 1
            await _send(writer, *refusal)
            return True
        try:
            asked = json.loads(body)
            words = words_of(asked)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.counts["400"] += 1
            await _send(writer, 400, _error("invalid_request_error"))
            return True
        if self.keep:
            self.bodies.append(asked)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._act(body, asked, words, writer)
        finally:
            self._at_once -= 1

    def _refused(self, head: bytes) -> tuple[int, bytes] | None:
        lines = head.split(b"\r\n")
        if lines[0].split(b"?")[0].split(b" ")[:2] != [b"POST", b"/v1/chat/completions"]:
            return 404, _error("not_found")
        fields = [line.partition(b":")[::2] for line in lines[1:]]
        given = [value.strip() for name, value in fields if name.lower() == b"authorization"]
        if self.settings.token and given != [f"Bearer {self.settings.token}".encode()]:
            return 401, _error("invalid_api_key")
        return None

    async def _act(self, body: bytes, asked: dict[str, Any], words: Sequence[str], writer: Any) -> bool:
        key = hash(body)
        self._seen[key] += 1
        seed, attempt = self.settings.seed, self._seen[key]
        await asyncio.sleep(self._latency(share_of(seed, "latency", attempt, body)))
        fault = self._fault(share_of(seed, "fault", attempt, body), key)
        self.counts[fault] += 1
        if fault == _CALM:
            given = asked if self.settings.log_probabilities else {**asked, "logprobs": False, "top_logprobs": 0}
            await _send(writer, 200, completion(given, self._answer(words), seed=seed))
            return True
        return await FAULTS[fault](writer, self.settings)

    def _latency(self, share: float) -> float:
        """Return the seconds of one try, log-normal about the median, from a share of all tries that are faster."""
        inside = min(max(share, 1e-9), 1 - 1e-9)
        return self.settings.latency_s * math.exp(self.settings.latency_spread * NormalDist().inv_cdf(inside))

    def _fault(self, share: float, key: int) -> str:
        bound = self.settings.fault_tries
        if bound and self._failed[key] >= bound:
            return _CALM
        for name, part in self.settings.faults.items():
            if share < part:
                self._failed[key] += 1
                return name
            share -= part
        return _CALM


async def _too_many(writer: asyncio.StreamWriter, settings: MockSettings) -> bool:
    wait = settings.retry_after_s
    await _send(writer, 429, _error("rate_limit_exceeded"), extra=f"Retry-After: {wait:g}\r\n" if wait else "")
    return True


async def _broken_server(writer: asyncio.StreamWriter, settings: MockSettings) -> bool:
    await _send(writer, 500, _error("server_error"))
    return True


async def _broken_json(writer: asyncio.StreamWriter, settings: MockSettings) -> bool:
    await _send(writer, 200, b'{"choices": [{"message": {"role": "assistant", "conte')
    return True


async def _dropped(writer: asyncio.StreamWriter, settings: MockSettings) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4096\r\n\r\n{")
    await writer.drain()
    return False


async def _drip(writer: asyncio.StreamWriter, settings: MockSettings) -> bool:
    """Send a space every 50 ms for ever: no single read of the client ever waits long."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _endless(writer: asyncio.StreamWriter, settings: MockSettings) -> bool:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"10000\r\n" + b" " * 65536 + b"\r\n"
    while True:
        writer.write(piece)
        await writer.drain()


async def _page(writer: asyncio.StreamWriter, settings: MockSettings) -> bool:
    await _send(writer, 200, b"<!doctype html><title>502 Bad Gateway</title>", kind="text/html")
    return True


async def _nothing(writer: asyncio.StreamWriter, settings: MockSettings) -> bool:
    await _send(writer, 200, b'{"object": "chat.completion", "choices": []}')
    return True


async def _bad_request(writer: asyncio.StreamWriter, settings: MockSettings) -> bool:
    await _send(writer, 400, _error("context_length_exceeded"))
    return True


FAULTS: Mapping[str, Callable[[asyncio.StreamWriter, MockSettings], Awaitable[bool]]] = {
    "429": _too_many,
    "500": _broken_server,
    "400": _bad_request,
    "broken": _broken_json,
    "dropped": _dropped,
    "drip": _drip,
    "endless": _endless,
    "html": _page,
    "nothing": _nothing,
}
"""What a try may come to instead of an answer."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve on this machine until interrupted; the address is printed."""
    parser = argparse.ArgumentParser(prog="python -m vesalius.inference.mock", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--answer", default="echo", help="echo, letter, yes-no, constant:TEXT or table:FILE.json")
    parser.add_argument("--latency", type=float, default=0.0, help="median seconds to an answer")
    parser.add_argument("--latency-spread", type=float, default=0.0, help="of the logarithm; 0 for none")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=SHARE", help=", ".join(FAULTS))
    parser.add_argument("--retry-after", type=float, default=0.0, help="seconds that a 429 asks for")
    parser.add_argument("--token", default="", help="key that must be given")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    values = {
        "latency_s": given.latency, "latency_spread": given.latency_spread, "token": given.token, "seed": given.seed,
        "faults": dict(item.partition("=")[::2] for item in given.fault), "retry_after_s": given.retry_after,
    }  # fmt: skip
    try:
        settings = validate(MockSettings, values, where="mock endpoint")
        endpoint = MockEndpoint(answer=given.answer, port=given.port, settings=settings)
        with contextlib.suppress(KeyboardInterrupt), endpoint:
            print(endpoint.address, flush=True)
            endpoint.wait()
    except ConfigError as error:
        parser.error(str(error))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":", 1)[1])
    return 0


def _error(code: str) -> bytes:
    return json.dumps({"error": {"message": "made by the mock endpoint", "code": code}}).encode()


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, *, kind: str = "application/json", extra: str = ""
) -> None:
    head = f"HTTP/1.1 {status} Mock\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


if __name__ == "__main__":
    main()
