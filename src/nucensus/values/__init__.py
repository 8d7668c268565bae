"""The values that cross rooms."""

from typing import TYPE_CHECKING

from .._lazy import names_of
from .images import (
    PROJECTIONS,
    HowToProject,
    ImageRef,
    ListedImage,
    Partner,
    Place,
    Plane,
    PlannedImage,
    Shard,
    shard_index,
)
from .options import (
    CensusOptions,
    Execution,
    ExecutionOptions,
    ProcessOptions,
    Resume,
    RetryOptions,
    Scheduler,
    Selection,
    SelectionOptions,
    SettingsOptions,
    Watcher,
    refuse_unknown,
    take_only,
    take_value,
)
from .other_channels import OtherChannels, column_of
from .outcomes import (
    Centres,
    Failed,
    Flag,
    Found,
    Header,
    Intensities,
    Outcome,
    Points,
    Stage,
)
from .outlines import MEASURED, Outlines
from .pixel_size import NO_SIZE, PixelSize
from .settings import (
    PUBLISHED_MIN_DISTANCE,
    PUBLISHED_SIGMA,
    PUBLISHED_THRESHOLD,
    Auto,
    Border,
    Limits,
    Settings,
)

__all__ = [
    "CORRECTIONS_FILE", "MEASURED", "NO_SIZE", "PROJECTIONS", "PUBLISHED_MIN_DISTANCE",
    "PUBLISHED_SIGMA", "PUBLISHED_THRESHOLD", "RUN_FILE", "Auto", "Border", "CensusOptions",
    "Centres", "Execution", "ExecutionOptions", "Failed", "Flag", "Found", "Header", "HowToProject",
    "ImageRef", "Intensities", "Limits", "ListedImage", "OtherChannels", "Outcome", "Outlines",
    "Partner", "PixelSize", "Place", "Plane", "PlannedImage", "PlateFact", "Points", "Positive",
    "PositiveFact", "ProcessOptions", "Resume", "RetryOptions", "Scheduler", "Selection",
    "SelectionOptions", "Settings", "SettingsOptions", "Shard", "Stage", "Treatments", "Watcher",
    "column_of", "name_of", "refuse_unknown", "shard_index", "take_only", "take_value",
]  # fmt: skip

RUN_FILE = "run.sqlite"
"""The name of the run file in the folder of a run."""
CORRECTIONS_FILE = "corrections.json"
"""The name of the file beside it that holds what people corrected by hand."""


if TYPE_CHECKING:
    from .positives import PlateFact, Positive, PositiveFact, name_of
    from .treatments import Treatments
else:
    __getattr__ = names_of(
        __name__,
        {"positives": "PlateFact Positive PositiveFact name_of", "treatments": "Treatments"},
        modules="settings_file synthetic",
    )
