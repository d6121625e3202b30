"""Settings of the preference algorithms, by name and without torch, so that a recipe is checked before it is loaded.

Letters: β strength of the pull to the reference, y_w and y_l the chosen and the rejected answer, |y| its tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from vesalius.config import Config, validate
from vesalius.errors import ConfigError, did_you_mean

__all__ = [
    "ALGORITHMS", "DPO", "IPO", "KTO", "ORPO", "RDPO", "PreferenceConfig", "SimPO", "preference_settings",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PreferenceConfig(Config):
    """What every algorithm says of itself."""

    name: ClassVar[str]
    needs_reference: ClassVar[bool] = True
    """Whether log-probabilities of a frozen model are needed, such as the start with its adapter off."""
    paired: ClassVar[bool] = True
    """Whether it learns from pairs, or from single answers that are marked good or bad."""

    beta: float = 0.1
    """Strength β, above 0."""

    def __post_init__(self) -> None:
        if self.beta <= 0:
            raise ValueError(f"beta must be above 0, found {self.beta}")


@dataclass(frozen=True, kw_only=True)
class DPO(PreferenceConfig):
    """-log σ(βΔ), Rafailov et al. 2023 (arXiv 2305.18290), equation 7."""

    name: ClassVar[str] = "dpo"
    form: Literal["sigmoid", "hinge"] = "sigmoid"
    """hinge: max(0, 1 - βΔ), Zhao et al. 2023 (SLiC, arXiv 2305.10425)."""
    label_smoothing: float = 0.0
    """Share ε of pairs that are believed to be the wrong way round: (1 - ε) of the loss and ε of the turned one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_smoothing(self.label_smoothing)
        if self.form == "hinge" and self.label_smoothing:
            raise ValueError("label_smoothing is of the sigmoid form: leave it out of the hinge")


@dataclass(frozen=True, kw_only=True)
class RDPO(PreferenceConfig):
    """-log σ(βΔ + α(|y_w| - |y_l|)), Park et al. 2024 (arXiv 2403.19159), with the sign of CheXalign's code.

    Where the chosen answer is longer, the loss is smaller already and less is learnt from the pair.
    """

    name: ClassVar[str] = "r-dpo"
    length_weight: float = 0.05
    """α, lengths in tokens."""
    label_smoothing: float = 0.0
    """As in DPO; the turned loss keeps the sign of the length term, as in CheXalign's code."""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_smoothing(self.label_smoothing)


@dataclass(frozen=True, kw_only=True)
class IPO(PreferenceConfig):
    """(Δ - 1/(2β))², Azar et al. 2023 (arXiv 2310.12036), equation 17; β is its τ."""

    name: ClassVar[str] = "ipo"
    lengths: Literal["sum", "mean"] = "sum"
    """Δ of log-probabilities that are summed over tokens, as written, or averaged, as TRL does."""


@dataclass(frozen=True, kw_only=True)
class KTO(PreferenceConfig):
    """λ(1 - σ(±β(r - z))), Ethayarajh et al. 2024 (arXiv 2402.01306), equation 8, of single answers."""

    name: ClassVar[str] = "kto"
    paired: ClassVar[bool] = False
    desirable_weight: float = 1.0
    """λ of good answers."""
    undesirable_weight: float = 1.0
    """λ of bad ones; the paper wants λ times the number of answers within 1 to 4/3 of each other."""


@dataclass(frozen=True, kw_only=True)
class ORPO(PreferenceConfig):
    """NLL(y_w) - β log σ(log odds(y_w) - log odds(y_l)), Hong et al. 2024 (arXiv 2403.07691), equation 6; β is its λ.

    Probabilities are of the mean token, and so is the NLL of an answer.
    """

    name: ClassVar[str] = "orpo"
    needs_reference: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class SimPO(PreferenceConfig):
    """-log σ(β(mean log-probability of y_w - that of y_l) - γ), Meng et al. 2024 (arXiv 2405.14734), equation 6."""

    name: ClassVar[str] = "simpo"
    needs_reference: ClassVar[bool] = False
    beta: float = 2.0
    margin: float = 0.5
    """γ."""
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_smoothing(self.label_smoothing)


ALGORITHMS: Mapping[str, type[PreferenceConfig]] = {
    kind.name: kind for kind in (DPO, IPO, KTO, ORPO, RDPO, SimPO)
}  # fmt: skip
"""Settings by the name of the algorithm."""


def preference_settings(algorithm: str, values: Mapping[str, Any] | None = None) -> PreferenceConfig:
    """Return the settings of an algorithm, its own defaults where nothing is given.

    Args:
        algorithm: a name of `ALGORITHMS`.
        values: of a recipe.

    Raises:
        ConfigError: no such algorithm or setting, or a value that it does not take; offers the nearest.
    """
    if algorithm not in ALGORITHMS:
        raise ConfigError(f"unknown preference algorithm {algorithm!r}{did_you_mean(algorithm, ALGORITHMS)}")
    return validate(ALGORITHMS[algorithm], values or {}, where=algorithm)


def _check_smoothing(share: float) -> None:
    if not 0 <= share < 0.5:
        raise ValueError(f"label_smoothing must be at least 0 and below 0.5, found {share}")
