"""Take many images through the stages: discover -> read -> detect -> store -> export."""

from .choose import Choice, choose, choose_from
from .look import sample_like
from .merge import merge_runs
from .pilot import Measured
from .plan import expand
from .process import process_images
from .take_census import census, retry

__all__ = [
    "Choice", "Measured", "census", "choose", "choose_from", "expand", "merge_runs",
    "process_images", "retry", "sample_like",
]  # fmt: skip
