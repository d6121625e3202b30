"""Asking an OpenAI-compatible endpoint: many requests at once, each tried until it is answered or given up.

Requests are taken one by one in the caller's thread, as many as may be under way; an event loop in a thread of its
own sends them. What is under way is all that is in memory, and all that is asked again after a kill.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from vesalius.config import Config
from vesalius.data.messages import media_of
from vesalius.errors import CapabilityError, DataError, EndpointError
from vesalius.inference.chat import ChatForm, WrongContentError, body_of, read_reply, tokens_at_most
from vesalius.inference.pace import Budget, Rate, Usage, full_jitter, retry_after
from vesalius.inference.reply_cache import ReplyCache
from vesalius.inference.requests import Reply, Request
from vesalius.optional import require

__all__ = ["Endpoint", "EndpointSettings", "is_loopback"]

_LARGEST_REPLY = 16 * 2**20
_LONGEST_RETRY_AFTER_S = 900.0
_READERS = 2
"""Threads that read and encode pictures."""
_NO_RIGHT = {401: "the key is missing or wrong", 403: "the key has no right to it", 404: "no such address or model"}


@dataclass(frozen=True, kw_only=True)
class EndpointSettings(Config):
    """What may be set after the model's name: ``openai:URL#model?concurrency=16&requests_per_minute=500``."""

    concurrency: int = 8
    """Requests under way at once."""
    requests_per_minute: int = 0
    """0 for no limit."""
    tokens_per_minute: int = 0
    """Of question and answer as bounded before sending; 0 for no limit."""
    tries: int = 6
    """Of one request, after 408, 429, 5xx, a timeout, a dropped connection or a broken answer."""
    backoff_s: float = 0.5
    """Bound of the wait before the second try; doubles from try to try."""
    timeout_s: float = 300.0
    """Of one try, from sending to the last byte."""
    most_tokens: int = 0
    """Stop before so many are passed; 0 for no limit."""
    most_cost: float = 0.0
    """Stop before it is passed, in the unit of the prices; 0 for no limit."""
    price_in: float = 0.0
    """Of a million tokens of question."""
    price_out: float = 0.0
    """Of a million tokens of answer."""
    tokens_per_image: int = 1600
    """Assumed before sending; what the endpoint counts takes its place."""
    planes: int = 8
    """Slices of a volume or frames of a clip that are shown."""
    max_images: int = 64
    """Most pictures of a request, slices and frames counted."""
    structured: Literal["off", "json", "vllm"] = "off"
    """How choices are enforced: not at all, by a JSON schema (OpenAI, vLLM, SGLang, Ollama), or by vLLM's choices."""
    token_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The newer name is what OpenAI's reasoning models ask for."""
    cache: str = ""
    """Folder of replies that are not asked for again; empty for none."""

    def __post_init__(self) -> None:
        for name in ("concurrency", "tries", "planes", "max_images", "tokens_per_image", "timeout_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        for name in ("requests_per_minute", "tokens_per_minute", "most_tokens", "most_cost", "price_in", "price_out"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, found {getattr(self, name)}")
        if self.backoff_s < 0:
            raise ValueError(f"backoff_s must be at least 0, found {self.backoff_s}")
        if self.most_cost and not (self.price_in or self.price_out):
            raise ValueError("most_cost needs price_in and price_out, of a million tokens")


@dataclass(frozen=True)
class _Failure:
    """Why a try came to nothing."""

    kind: str
    again: bool = True
    wait_s: float = 0.0
    """At least this long before the next try."""
    unreachable: bool = False


class Endpoint:
    """One address and model, open for one series of requests."""

    def __init__(self, address: str, form: ChatForm, settings: EndpointSettings) -> None:
        """Check what is needed; nothing is sent yet.

        Raises:
            MissingDependency: the HTTP client is not installed.
        """
        self._http: Any = require("httpx2", purpose="asking an endpoint")
        self._url = _completions(address)
        self._form = form
        self._settings = settings
        self._cache = ReplyCache(Path(settings.cache).expanduser()) if settings.cache else None
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="vesalius-pictures")
        self._rates = (Rate(settings.requests_per_minute), Rate(settings.tokens_per_minute))
        self._budget = Budget(
            most_tokens=settings.most_tokens,
            most_cost=settings.most_cost,
            price_in=settings.price_in,
            price_out=settings.price_out,
        )
        self._client: Any = None

    def replies(self, requests: Iterable[Request]) -> Iterator[Reply]:
        """Yield replies as they come; a request is taken only while fewer than `concurrency` are under way.

        After an `EndpointError` no more are taken, those under way come to their end, and then it is raised. Closing
        the iterator or an interrupt cancels those under way and closes their connections.
        """
        done: queue.SimpleQueue[Future[Reply]] = queue.SimpleQueue()
        source, under_way, fault = iter(requests), 0, None
        open_source = True
        with _event_loop(self._close) as loop:
            while True:
                while open_source and under_way < self._settings.concurrency:
                    request = next(source, None)
                    if request is None:
                        open_source = False
                        break
                    asyncio.run_coroutine_threadsafe(self._ask(request), loop).add_done_callback(done.put)
                    under_way += 1
                if not under_way:
                    break
                ready = done.get()
                under_way -= 1
                error = ready.exception()
                if isinstance(error, EndpointError):
                    fault, open_source = fault or error, False
                    continue
                yield ready.result()
        if fault is not None:
            raise fault

    async def _ask(self, request: Request) -> Reply:
        try:
            body, key, kept = await self._preparing(request)
        except DataError as error:
            return Reply(id=request.id, finish="error", error=str(error))
        if kept is not None:
            return kept
        most = tokens_at_most(request, per_image=self._settings.tokens_per_image, planes=self._settings.planes)
        await self._rates[0].take(1)
        await self._rates[1].take(sum(most))
        held = Usage(*most)
        await self._budget.hold(held)
        used = held
        try:
            reply = await self._tried(request, body)
            if reply.tokens_in or reply.tokens_out:
                used = Usage(reply.tokens_in, reply.tokens_out)
                self._rates[1].give_back(sum(most) - reply.tokens_in - reply.tokens_out)
        finally:
            await self._budget.settle(held, used)
        if key and self._cache is not None:
            await self._in_reader(self._cache.put, key, reply)
        return reply

    async def _preparing(self, request: Request) -> tuple[bytes, str, Reply | None]:
        """Prepare a request of words here, and one that reads files in a thread that may wait."""
        if self._cache is None and not media_of(request.messages):
            return self._prepared(request)
        prepared: tuple[bytes, str, Reply | None] = await self._in_reader(self._prepared, request)
        return prepared

    async def _in_reader(self, call: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._readers, call, *arguments)

    def _prepared(self, request: Request) -> tuple[bytes, str, Reply | None]:
        """Return the body, its key in the cache, "" where it has none, and what is kept under it."""
        body = body_of(request, self._form)
        if self._cache is None or not request.decoding.deterministic:
            return body, "", None
        read_as = json.dumps([request.choices, request.by_likelihood, self._form.structured])
        key = self._cache.key(self._url, body, read_as=read_as)
        return body, key, self._cache.get(key, request=request.id)

    async def _tried(self, request: Request, body: bytes) -> Reply:
        """Try until there is a reply or no hope of one."""
        attempt = 0
        while True:
            start = time.perf_counter()
            outcome = await self._attempt(request, body)
            if isinstance(outcome, Reply):
                return replace(outcome, seconds=time.perf_counter() - start)
            attempt += 1
            if not outcome.again or attempt >= self._settings.tries:
                break
            wait_s = full_jitter(attempt - 1, base_s=self._settings.backoff_s)
            await asyncio.sleep(outcome.wait_s + wait_s)
        if outcome.unreachable:
            raise EndpointError(
                f"endpoint {self._url} cannot be reached after {attempt} tries: start the server, or correct the "
                "address. Answers that came are kept"
            )
        tries = f", {attempt} tries" if attempt > 1 else ""
        weighed = request.decoding.log_probabilities and outcome.kind.startswith("status 400")
        asked = "; log-probabilities were asked for, which not every model gives" if weighed else ""
        return Reply(id=request.id, finish="error", error=f"{outcome.kind}{tries}{asked}")

    async def _attempt(self, request: Request, body: bytes) -> Reply | _Failure:
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                status, headers, content = await self._posted(body)
        except TimeoutError:
            return _Failure(f"timeout after {self._settings.timeout_s:g} s")
        except self._http.ConnectError:
            return _Failure("no connection", unreachable=True)
        except self._http.TransportError as error:
            return _Failure(f"connection dropped ({type(error).__name__})")
        except self._http.DecodingError:
            return _Failure("broken compression")
        if status != 200:
            return self._refusal(status, headers, content)
        if content is None:
            return _Failure(f"an answer of more than {_LARGEST_REPLY // 2**20} MiB", again=False)
        try:
            return read_reply(content, request, self._form)
        except WrongContentError as error:
            return _Failure(str(error))
        except CapabilityError as error:
            raise EndpointError(
                f"endpoint {self._url} {error}; ask for another confidence, such as one that is stated or the "
                "agreement of drawn answers. Answers that came are kept"
            ) from None

    async def _posted(self, body: bytes) -> tuple[int, Any, bytes | None]:
        """Return status, headers and body of the answer; None for a body that is too large."""
        if self._client is None:
            self._client = self._opened()
        pieces, size = [], 0
        async with self._client.stream("POST", self._url, content=body) as response:
            async for piece in response.aiter_bytes():
                size += len(piece)
                if size > _LARGEST_REPLY:
                    return response.status_code, response.headers, None
                pieces.append(piece)
        return response.status_code, response.headers, b"".join(pieces)

    def _refusal(self, status: int, headers: Any, content: bytes | None) -> _Failure:
        """Say what a status other than 200 means; of the server's words only a short code is told."""
        code = _code(content)
        if status in _NO_RIGHT:
            key = "; give the key by OPENAI_API_KEY" if status != 404 else f": {self._form.model!r}"
            raise EndpointError(f"endpoint {self._url} answers {status}, {_NO_RIGHT[status]}{key}")
        if 300 <= status < 400:
            raise EndpointError(f"endpoint {self._url} answers {status} and points elsewhere; give that address")
        if code == "insufficient_quota":
            raise EndpointError(f"endpoint {self._url} answers {status} {code}: pay or raise the quota, then go on")
        kind = f"status {status}" + (f" {code}" if code else "")
        if status not in (408, 429) and status < 500:
            return _Failure(kind, again=False)
        wait_s = retry_after(headers)
        if wait_s > _LONGEST_RETRY_AFTER_S:
            return _Failure(f"{kind}, to be asked again in {wait_s:.0f} s", again=False)
        return _Failure(kind, wait_s=wait_s)

    def _opened(self) -> Any:
        headers = {"content-type": "application/json"}
        if secret := os.environ.get("OPENAI_API_KEY", "").strip():
            if not (secret.isascii() and secret.isprintable()):
                raise EndpointError("OPENAI_API_KEY holds characters that no key has; set it anew")
            headers["authorization"] = f"Bearer {secret}"
        many = self._settings.concurrency
        return self._http.AsyncClient(
            headers=headers,
            timeout=self._http.Timeout(None, connect=min(30.0, self._settings.timeout_s)),
            limits=self._http.Limits(max_connections=many, max_keepalive_connections=many),
            trust_env=not is_loopback(self._url),
        )

    async def _close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
        self._readers.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _event_loop(close: Any) -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread; at the end all its tasks are cancelled and awaited, then `close` runs in it."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="vesalius-endpoint", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        asyncio.run_coroutine_threadsafe(_wound_up(close), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _wound_up(close: Any) -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await close()
    await asyncio.get_running_loop().shutdown_asyncgens()


def _completions(address: str) -> str:
    parts = urlsplit(address)
    path = parts.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path += "/chat/completions"
    return urlunsplit(parts._replace(path=path, fragment=""))


def is_loopback(url: str) -> bool:
    """Say whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _code(content: bytes | None) -> str:
    """Return the code or type of an error where it is one short word, which cannot be a piece of a record."""
    try:
        error = json.loads(content or b"")["error"]
        code = error.get("code") or error.get("type") or ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    known = isinstance(code, str) and len(code) <= 40 and code.replace("_", "").isalpha() and code.islower()
    return str(code) if known else ""
