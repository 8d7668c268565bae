"""Take many images through the stages: discover -> read -> detect -> store -> export."""

from typing import TYPE_CHECKING

from .._lazy import names_of
from .choose import Choice, choose, choose_from
from .take_census import census, retry

if TYPE_CHECKING:
    from .learn import Learned
    from .merge import merge_runs
    from .pilot import Measured
    from .plan import expand
    from .process import process_images
    from .sample import sample_like
    from .scan import Preview, preview, refusals
    from .take_plan import census_planned, plan_census
else:
    __getattr__ = names_of(__name__, {
        "learn": "Learned", "merge": "merge_runs", "pilot": "Measured", "plan": "expand",
        "scan": "Preview preview refusals",
        "process": "process_images", "sample": "sample_like",
        "take_plan": "census_planned plan_census",
    })  # fmt: skip

__all__ = [
    "Choice", "Learned", "Measured", "Preview", "census", "census_planned", "choose", "choose_from",
    "expand", "merge_runs", "plan_census", "preview", "process_images", "refusals",
    "retry", "sample_like",
]  # fmt: skip
