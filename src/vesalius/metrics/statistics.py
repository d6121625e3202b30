"""The statistics of a run under one name: resampling, paired tests, intervals, variance.

Every score has n items, G patients and an interval; the unit of resampling is the patient. The definitions
live in `bootstrap`, `resampled`, `significance`, `variance` and `proportions`.
"""

from __future__ import annotations

from vesalius.metrics import resampled
from vesalius.metrics.bootstrap import (
    Interval,
    PatientWeights,
    bca,
    bca_levels,
    every_resample,
    patient_weights,
    percentile,
)
from vesalius.metrics.proportions import (
    clopper_pearson,
    mcnemar_power,
    paired_cases_needed,
    paired_minimum_difference,
    wilson,
)
from vesalius.metrics.significance import (
    adjust,
    delong,
    equivalence,
    mcnemar,
    paired_difference,
    sign_flip,
    sign_test,
    swap_test,
    swap_test_auroc,
    verdict,
)
from vesalius.metrics.variance import (
    clustered_error,
    components,
    mean_interval,
    over_datasets,
    over_seeds,
    seeds_by_patients,
    seeds_of_two,
    seeds_with_covariance,
)

__all__ = [
    "Interval",
    "PatientWeights",
    "adjust",
    "bca",
    "bca_levels",
    "clopper_pearson",
    "clustered_error",
    "components",
    "delong",
    "equivalence",
    "every_resample",
    "mcnemar",
    "mcnemar_power",
    "mean_interval",
    "over_datasets",
    "over_seeds",
    "paired_cases_needed",
    "paired_difference",
    "paired_minimum_difference",
    "patient_weights",
    "percentile",
    "resampled",
    "seeds_by_patients",
    "seeds_of_two",
    "seeds_with_covariance",
    "sign_flip",
    "sign_test",
    "swap_test",
    "swap_test_auroc",
    "verdict",
    "wilson",
]
