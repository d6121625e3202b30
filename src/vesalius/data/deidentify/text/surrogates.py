"""Invented values in the place of found ones: the same for the same value under the same secret."""

from __future__ import annotations

from vesalius.data.deidentify.secret import Secret
from vesalius.data.deidentify.text.spans import Kind

__all__ = ["surrogate"]

_GIVEN = ("Alex", "Robin", "Kim", "Sascha", "Noa", "Dana", "Jo", "Luca", "Mika", "Toni", "Ariel", "Jules")
_FAMILY = (
    "Almond", "Birkel", "Corvin", "Delmar", "Elster", "Farrow", "Galton", "Holm", "Ivers", "Jarrow", "Kestner",
    "Lindell", "Marlow", "Norden", "Orwin", "Prentis", "Quill", "Rowan", "Selby", "Tamsin", "Umber", "Vester",
)  # fmt: skip
_PLACES = ("Aldermoor", "Brackwater", "Coldhaven", "Dunmarsh", "Eastmere", "Fallowfield", "Greyport", "Hollowbrook")


def surrogate(kind: Kind, value: str, secret: Secret) -> str:
    """Return an invented value of the kind: a name, a place, or digits for digits and letters for letters."""
    plain = " ".join(value.casefold().split())
    if kind == "NAME":
        family = _FAMILY[secret.number("family", plain, len(_FAMILY))]
        given = _GIVEN[secret.number("given", plain, len(_GIVEN))]
        return f"{given} {family}" if " " in value.strip() else family
    if kind == "PLACE":
        return _PLACES[secret.number("place", plain, len(_PLACES))]
    if kind == "AGE":
        return "over 89"
    if kind == "EMAIL":
        return "someone@example.org"
    if kind == "URL":
        return "https://example.org"
    return _same_shape(kind, value, secret) if kind in ("ID", "PHONE") else f"[{kind}]"


def _same_shape(kind: Kind, value: str, secret: Secret) -> str:
    drawn = secret.digest(kind, value) * (len(value) // 32 + 1)
    pieces = []
    for byte, character in zip(drawn, value, strict=False):
        if character.isdigit():
            pieces.append(str(byte % 10))
        elif character.isalpha():
            letter = chr(ord("A") + byte % 26)
            pieces.append(letter if character.isupper() else letter.lower())
        else:
            pieces.append(character)
    return "".join(pieces)
