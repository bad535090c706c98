"""Synthesizes the templates with CDK, which needs Node.js. They are stored in the repository, so that a deployment does
not need Node.js.

`python -m aws_deploy.synth` (`make synth`) updates the stored templates.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from aws_deploy.ecs_names import DAGSTER_STACK, IMAGE_STACK
from aws_deploy.presets import PRESETS
from aws_deploy.settings import Deployment, built_in_settings
from lakehouse_assets import templates
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.settings import Settings

TEMPLATES = Path(templates.__path__[0])
IMAGE_TEMPLATE = "dagster-image.json"


def dagster_template(variant: str) -> str:
    """The file of the Dagster stack's template. It serves every preset. `variant`: full or small."""
    return f"dagster-{variant}.json"


def synthesize(deployments: Iterable[tuple[Deployment, Settings]]) -> dict[str, str]:
    """The templates of these deployments, by stack name. Raises BadConfiguration if Node.js is missing."""
    _need_node()
    from aws_deploy.app import app_of  # noqa: PLC0415 - it starts Node, which takes 10 s

    found = {}
    for deployment, settings in deployments:
        with tempfile.TemporaryDirectory() as folder:
            assembly = app_of(deployment, settings, folder).synth()
            found.update({stack.stack_name: written(stack.template) for stack in assembly.stacks})
    return found


def synthesize_dagster(deployment: Deployment) -> str:
    """The Dagster stack's template for these settings. Raises BadConfiguration if Node.js is missing."""
    _need_node()
    from aws_deploy.app import dagster_app_of  # noqa: PLC0415 - it starts Node

    with tempfile.TemporaryDirectory() as folder:
        return written(dagster_app_of(deployment, folder).synth().get_stack_by_name(DAGSTER_STACK).template)


def _need_node() -> None:
    if shutil.which("node") is None:
        raise BadConfiguration(
            "CDK needs Node.js 20 or later to make templates. Install it (nodejs.org), then run this again."
        )
    # CDK works with Node.js 20, which many machines have, but prints a long warning about its age.
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")


def _image_template() -> str:
    from aws_deploy.app import image_app_of  # noqa: PLC0415 - it starts Node

    with tempfile.TemporaryDirectory() as folder:
        return written(image_app_of(folder).synth().get_stack_by_name(IMAGE_STACK).template)


def written(template: object) -> str:
    """A template as JSON text, the same for equal templates: sorted keys, one value a line."""
    return json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def fresh_templates() -> dict[Path, str]:
    """The up-to-date contents of the repository's templates, by file: each preset with its defaults, and Dagster's."""
    made = synthesize(
        (Deployment.model_construct(preset=preset.name), built_in_settings(preset)) for preset in PRESETS.values()
    )
    stacks = {
        stack: TEMPLATES / f"{preset.name}-{part}.json"
        for preset in PRESETS.values()
        for part, stack in (("storage", preset.storage_stack), ("pipeline", preset.pipeline_stack))
    }
    dagster = {
        TEMPLATES / dagster_template(variant): synthesize_dagster(Deployment.model_construct(dagster=variant))
        for variant in ("full", "small")
    }
    return (
        {stacks[name]: template for name, template in made.items()}
        | dagster
        | {TEMPLATES / IMAGE_TEMPLATE: _image_template()}
    )


def main() -> None:
    for path, template in fresh_templates().items():
        path.write_text(template, "utf-8")
        print(f"{path.relative_to(TEMPLATES.parents[1])}: {len(template):,} bytes")


if __name__ == "__main__":
    main()
