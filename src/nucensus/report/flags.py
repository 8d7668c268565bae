"""Say what the flags of odd images mean, in the words of who reads a report."""

from ..values.outcomes import Flag

MEANINGS: dict[Flag, str] = {
    "blank": "no nuclei",
    "fragments": "nuclei that came apart, or have lobes, each of which may be counted",
    "debris": "many specks, or a bright fibre, which may be counted",
    "disagrees": "much dimmer than the set, or of another size, and counted by itself",
    "saturated": "nuclei as bright as the image can tell: what they hold is not known",
    "out-of-focus": "outlines softer than in the set",
    "unsure": "some of what is counted may be no nuclei, or too small or soft to tell",
    "crowded": "nearly half of the image is nuclei, some of which may lie on others",
    "sparse": "less than a tenth of the nuclei that such images have",
}
"""What each flag says of an image."""
