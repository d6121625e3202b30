from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from vesalius.data.fingerprint import ContentHash, digests_of, file_sha256, study_key

DIGESTS = st.lists(st.binary(min_size=32, max_size=32), max_size=8)


def test_the_sum_by_hand() -> None:
    # 1 + (2^256 - 1) = 0 modulo 2^256, with a carry through all 256 bits; two digests were added
    one, most = (1).to_bytes(32, "little"), b"\xff" * 32
    content = ContentHash()
    content.add(np.frombuffer(one + most, np.uint8).reshape(2, 32))
    assert content.hexdigest() == hashlib.sha256(bytes(32) + (2).to_bytes(8, "little")).hexdigest()


@given(DIGESTS, st.randoms(), st.integers(0, 8))
def test_order_and_pieces_change_nothing(digests: list[bytes], random: object, cut: int) -> None:
    def of(*pieces: list[bytes]) -> str:
        content = ContentHash()
        for piece in pieces:
            content.add(digests_of(pa.chunked_array([pa.array(piece, pa.binary())])))
        return content.hexdigest()

    shuffled = sorted(digests, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert of(digests) == of(shuffled[:cut], shuffled[cut:])


@given(DIGESTS.filter(bool))
def test_a_digest_twice_or_less_is_another_hash(digests: list[bytes]) -> None:
    def of(given: list[bytes]) -> str:
        content = ContentHash()
        content.add(np.frombuffer(b"".join(given), np.uint8).reshape(-1, 32))
        return content.hexdigest()

    assert len({of(digests), of(digests[1:]), of([*digests, digests[0]])}) == 3


def test_known_hashes(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(tmp_path / "abc") == expected
    # first eight bytes ba 78 16 bf 8f 01 cf ea, little endian: 0xeacf018fbf1678ba, above 2^63 and so negative
    assert study_key("abc") == 0xEACF018FBF1678BA - 2**64
