"""Ages above 89 years in texts; lesser ages stay."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vesalius.data.deidentify.text.spans import Span

__all__ = ["find_ages"]

_OLD = r"(?P<found>9\d|1[0-2]\d)"
_UNITS = (
    r"(?:years?|yrs?|y/?o|y\.o\.?|yo|jahre?n?|jährige[rnsm]?|jaehrige[rnsm]?|j\.|ans|an\b|yr[ -]olds?|"
    r"year-olds?|années?)"
)
_TENS = "|".join(("ninety", "neunzig", "quatre-vingt-dix", "nonante", "hundred", "hundert"))
_WRITTEN = r"ninety(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?|(?:a[ ]|one[ ])?hundred(?:[ ]and[ ]\w+)?"
_PATTERNS = (
    re.compile(rf"(?<![\w.,/]){_OLD}[ \t]*-?[ \t]*{_UNITS}", re.IGNORECASE),
    re.compile(rf"\b(?:aged?|alter|âgée?(?:[ \t]+de)?|age[ \t]+of|at[ \t]+the[ \t]+age[ \t]+of|"
               rf"im[ \t]+alter[ \t]+von)[ \t]*[:=]?[ \t]*"
               rf"{_OLD}(?!\d|[.,]\d|[ \t]*%|[ \t]*(?:mm|cm|%|days?|months?|weeks?|hours?|minutes?)\b)",
               re.IGNORECASE),
    re.compile(rf"(?<![\w.,/]){_OLD}[ \t]?(?:[MF]|[ \t](?:male|female|man|woman))\b"),
    re.compile(rf"(?<![\w.,/])0{_OLD}Y\b"),
    re.compile(rf"\b(?P<found>(?:(?:one|two|three|four|five|six|seven|eight|nine|ein|zwei|drei|vier|fünf|sechs|"
               rf"sieben|"
               rf"acht|neun)(?:und|[ -])?|one[ -])?(?:{_TENS})(?:[ -](?:and[ -])?(?:one|two|three|four|five|six|"
               rf"seven|eight|nine|"
               rf"un|deux|trois|quatre|cinq|six|sept|huit|neuf|ten|onze|et[ -]onze))?)[ -]?{_UNITS}", re.IGNORECASE),
    re.compile(rf"(?i:\b(?:pt|patient|he|she|lady|gentleman|man|woman|turned|turns|now|aged)\b\.?(?:[ \t]+(?:is|"
               rf"was|has)|,)?"
               rf"(?:[ \t]+(?:now|turned|nearly|almost|only|about))*[ \t]+){_OLD}(?![\w%]|[.,]\d|[ \t]*(?:mm|cm|kg|"
               rf"bpm|days?|months?)\b)"),
    re.compile(rf"(?i:\b(?:is|was|turned|turns|aged|now|nearly|almost|"
               rf"of)[ \t]+(?:now[ \t]+)?)(?P<found>(?i:{_WRITTEN}))(?!\w)"
               rf"(?![ \t]*-?(?:degrees?|percent|mm|cm|mg|ml|minutes?|days?|seconds?|per|hours?|weeks?|months?))"),
    re.compile(r"\b(?P<found>nonagenarian|centenarian|supercentenarian|nonagénaire|centenaire)s?\b", re.IGNORECASE),
)  # fmt: skip


def find_ages(text: str) -> Iterator[Span]:
    """Yield the numbers of ages above 89 years."""
    for pattern in _PATTERNS:
        yield from (Span(*match.span("found"), "AGE") for match in pattern.finditer(text))
