"""An image that is counted by what it shows itself, as if it were a set of its own."""

from ..values import Settings
from .pooled import BLANK_ITSELF, Estimate, Resolved, pool
from .rules import rules_of
from .table import detector_named


def counts_alone(settings: Settings, resolved: Resolved) -> bool:
    """Whether each image of a set is counted by what it shows itself: its nuclei are unlike."""
    is_divided = detector_named(settings.detector).divides_mixed_sets
    return is_divided and resolved.is_mixed and rules_of(settings.detector).splits_sizes


def looks_of(own: Estimate) -> Resolved:
    """Return what an image looks like that is a set of its own."""
    return BLANK_ITSELF if own.is_blank else pool([own])
