"""Take many images through the stages: discover -> read -> detect -> store -> export."""

from .choose import Choice, choose, choose_from
from .learn import Learned
from .merge import merge_runs
from .pilot import Measured
from .plan import expand
from .preview import Preview, preview, refusals
from .process import process_images
from .sample import sample_like
from .take_census import census, retry
from .take_plan import census_planned, plan_census

__all__ = [
    "Choice", "Learned", "Measured", "Preview", "census", "census_planned", "choose", "choose_from",
    "expand", "merge_runs", "plan_census", "preview", "process_images", "refusals", "retry",
    "sample_like",
]  # fmt: skip
