"""Compressed frames that stay as they are: notes that an encoder wrote into them are taken out."""

from __future__ import annotations

__all__ = ["without_notes"]

_J2K_START, _J2K_COMMENT, _J2K_TILE = b"\xff\x4f", 0x64, 0x90
_COMMENT, _SCAN, _FIRST_APP, _LAST_APP, _APP0 = 0xFE, 0xDA, 0xE0, 0xEF, 0xE0
_BARE = {0x01, 0xD8, *range(0xD0, 0xD8)}
_NEEDED = (b"Adobe", b"mrfx")
"""Application segments that a decoder needs: the colour transforms of Adobe and of JPEG-LS."""


def without_notes(frame: bytes) -> bytes:
    """Return a JPEG, JPEG-LS or JPEG 2000 frame without comments, application data and bytes after its end.

    Other codes (run lengths, deflated frames) hold no notes and come back as they are.

    Raises:
        ValueError: the segments do not follow each other, or it is a JP2 file, whose boxes may hold anything.
    """
    if frame.startswith(b"\xff\xd8"):
        return _jpeg(frame)
    if frame.startswith(_J2K_START):
        return _jpeg_2000(frame)
    if frame[4:8] == b"jP  ":
        raise ValueError("a JP2 file in the place of a code stream")
    return frame


def _jpeg(frame: bytes) -> bytes:
    pieces, at = [b"\xff\xd8"], 2
    while at + 4 <= len(frame):
        if frame[at] != 0xFF:
            raise ValueError("JPEG segments do not follow each other")
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _BARE:
            pieces.append(frame[at : at + 2])
            at += 2
            continue
        length = 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
        body = frame[at + 4 : at + length]
        if marker == _SCAN:
            end = frame.rfind(b"\xff\xd9")
            last = end + 2 if end > at else len(frame)
            return _even(b"".join(pieces) + frame[at:last])
        is_note = marker == _COMMENT or (_FIRST_APP <= marker <= _LAST_APP and not body.startswith(_NEEDED))
        if marker == _APP0 and body.startswith(b"JFIF\0"):
            pieces.append(b"\xff\xe0\x00\x10" + body[:12] + b"\0\0")
        elif not is_note:
            pieces.append(frame[at : at + length])
        at += length
    raise ValueError("a JPEG frame without a scan")


def _jpeg_2000(frame: bytes) -> bytes:
    """Blank the comments of the main header; offsets in it stay true, as no byte moves."""
    data, at = bytearray(frame), 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise ValueError("JPEG 2000 segments do not follow each other")
        if data[at + 1] == _J2K_TILE:
            break
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] == _J2K_COMMENT:
            data[at + 6 : at + 2 + length] = b" " * max(0, length - 4)
        at += 2 + length
    end = data.rfind(b"\xff\xd9")
    return _even(bytes(data[: end + 2] if end > at else data))


def _even(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)
