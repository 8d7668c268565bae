"""Take many images through the stages: discover -> read -> detect -> store -> export."""

from .choose import Choice, choose
from .plan import expand
from .process import process_images
from .take_census import census

__all__ = ["Choice", "census", "choose", "expand", "process_images"]
