"""Make the description of the package from README.md, for readers who have no repository at hand.

The build calls `dynamic_metadata`, as `[[tool.dynamic-metadata]]` in pyproject.toml says.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

README = Path(__file__).parent.parent / "README.md"
PICTURES = (".png", ".svg", ".webp")
NOTE = "Pictures and pages are in the archive of the sources, under the names in brackets."
PARTS = re.compile(
    r"""(?P<code>```.*?```|`[^`]*`)
    |!?\[(?P<words>[^]]*)\]\((?P<file>(?!\w+:|\#)[^)\s#]+)(?P<place>\#[^)]*)?\)""",
    re.DOTALL | re.VERBOSE,
)
"""Code, which stays as it is, or a link or a picture that names a file of the repository."""


def dynamic_metadata(_: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, Any]:
    """Return the field `readme` of a project."""
    text = describe(README.read_text("utf-8"), address_of(project))
    return {"readme": {"content-type": "text/markdown", "text": text}}


def address_of(project: Mapping[str, Any]) -> str | None:
    """Return where the repository is, None as long as the project has no address."""
    urls = project.get("urls", {})
    if urls and "Repository" not in urls:
        raise ValueError(
            f"[project.urls] has {', '.join(urls)}; expected Repository, too, for the pictures of "
            f"the README are shown from there"
        )
    return str(urls["Repository"]).rstrip("/") if urls else None


def describe(text: str, address: str | None) -> str:
    """Return a text whose links lead to the repository, or say which file of the sources it is."""

    def spell(part: re.Match[str]) -> str:
        if part["code"]:
            return part[0]
        if address is None:
            return f"{part['words']} (`{part['file']}`)"
        kind = "raw" if part["file"].endswith(PICTURES) else "blob"
        start = part[0].partition("](")[0]
        return f"{start}]({address}/{kind}/HEAD/{part['file']}{part['place'] or ''})"

    noted = text if address else text.replace("\n\n", f"\n\n{NOTE}\n\n", 1)
    return PARTS.sub(spell, noted)
