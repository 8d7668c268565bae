"""Render the conda recipe for each system, as rattler-build would build it."""

from pathlib import Path

from rattler_build.render import RenderConfig
from rattler_build.stage0 import Stage0Recipe
from rattler_build.tool_config import PlatformConfig
from rattler_build.variant_config import VariantConfig

RECIPE = Path(__file__).parent / "conda" / "recipe.yaml"
STDLIB = {"linux": "sysroot", "osx": "macosx_deployment_target"}


def main() -> None:
    """Print what would be built where."""
    for platform in ("linux-64", "linux-aarch64", "osx-64", "osx-arm64"):
        variants = VariantConfig({"c_stdlib": [STDLIB[platform.split("-")[0]]]})
        target = PlatformConfig(
            target_platform=platform, build_platform=platform, host_platform=platform
        )
        rendered = Stage0Recipe.from_file(RECIPE).render(variants, RenderConfig(platform=target))
        assert rendered, platform
        for variant in rendered:
            print(platform, variant.recipe.to_dict())  # noqa: T201


if __name__ == "__main__":
    main()
