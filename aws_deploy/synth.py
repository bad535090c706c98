"""The templates: made by CDK (which needs Node), and kept as files so that whoever only deploys or tries them needs
none.

`python -m aws_deploy.synth` (`make synth`) writes the kept ones anew.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from aws_deploy.presets import PRESETS
from aws_deploy.settings import Deployment, built_in_settings
from lakehouse_assets import templates
from lakehouse_assets.errors import BadConfiguration
from lakehouse_assets.settings import Settings

KEPT = Path(templates.__path__[0])


def synthesize(deployments: Iterable[tuple[Deployment, Settings]]) -> dict[str, str]:
    """The templates of these deployments, by the name of their stack. Raises BadConfiguration where Node is missing."""
    if shutil.which("node") is None:
        raise BadConfiguration(
            "CDK needs Node.js, version 20 or later, to make templates. Install it (nodejs.org), then run this again."
        )
    # Node 20 is what many machines have; CDK works with it and says at length that it is old.
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    from aws_deploy.app import app_of  # noqa: PLC0415 - it starts Node, which takes 10 s

    found = {}
    for deployment, settings in deployments:
        with tempfile.TemporaryDirectory() as folder:
            assembly = app_of(deployment, settings, folder).synth()
            found.update({stack.stack_name: written(stack.template) for stack in assembly.stacks})
    return found


def written(template: object) -> str:
    """One text for one template, fit to be read and compared."""
    return json.dumps(template, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def kept_templates() -> dict[Path, str]:
    """The files in the repository as they should be: each preset with its defaults."""
    made = synthesize(
        (Deployment.model_construct(preset=preset.name), built_in_settings(preset)) for preset in PRESETS.values()
    )
    stacks = {
        stack: KEPT / f"{preset.name}-{part}.json"
        for preset in PRESETS.values()
        for part, stack in (("storage", preset.storage_stack), ("pipeline", preset.pipeline_stack))
    }
    return {stacks[name]: template for name, template in made.items()}


def main() -> None:
    for path, template in kept_templates().items():
        path.write_text(template, "utf-8")
        print(f"{path.relative_to(KEPT.parents[1])}: {len(template):,} bytes")


if __name__ == "__main__":
    main()
