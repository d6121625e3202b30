"""Longest common subsequences of sequences of numbers or words: their length by bits, their places by the table.

Letters: n and m lengths of the two.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

__all__ = ["common_length", "common_places"]


def common_length(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Return the length of the longest common subsequence: a row of the table at a time, its steps as bits.

    Source: Hyyrö 2004, "Bit-parallel LCS-length computation revisited".
    """
    places: dict[Hashable, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(first)) - 1
    row = full
    for word in second:
        met = row & places.get(word, 0)
        row = ((row + met) | (row - met)) & full
    return len(first) - row.bit_count()


def common_places(first: Sequence[Hashable], second: Sequence[Hashable]) -> list[int]:
    """Return which places of the first one longest common subsequence takes, ascending.

    Of several it is that of rouge-score: from the end, back along the second only where the table is larger there.
    """
    table = [[0] * (len(second) + 1)]
    for word in first:
        above, row = table[-1], [0]
        for place, other in enumerate(second):
            row.append(above[place] + 1 if word == other else max(above[place + 1], row[place]))
        table.append(row)
    places = []
    one, other_one = len(first), len(second)
    while one and other_one:
        if first[one - 1] == second[other_one - 1]:
            one, other_one = one - 1, other_one - 1
            places.append(one)
        elif table[one][other_one - 1] > table[one - 1][other_one]:
            other_one -= 1
        else:
            one -= 1
    return places[::-1]
