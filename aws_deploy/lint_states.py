"""`python -m aws_deploy.lint_states` (part of `make check-deploy`): checks the templates' state machines with
asl-validator (npm).

It parses the JSONata expressions and follows every transition. cfn-lint 1.58 does not report an expression that does
not parse, or a `Next` without a target.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from aws_deploy.synth import TEMPLATES

VALIDATOR = Path(__file__).parent / "node_modules" / ".bin" / "asl-validator"


def problems(definitions: dict[str, str]) -> str | None:
    """The validator's messages about state machines, given by name; None if there are none. Needs Node.js and the
    packages that `npm ci` installs.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, definition in definitions.items():
            (Path(folder) / name).write_text(definition, "utf-8")
        paths = [argument for name in definitions for argument in ("--json-path", name)]
        done = subprocess.run([VALIDATOR, *paths], cwd=folder, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip() if done.returncode else None


def stored_definitions() -> dict[str, str]:
    """The state machines of the repository's templates, by the templates' file names."""
    resources = {
        file.name: json.loads(file.read_text("utf-8"))["Resources"].values()
        for file in sorted(TEMPLATES.glob("*-pipeline.json"))
    }
    return {
        name: resource["Properties"]["DefinitionString"]
        for name, found in resources.items()
        for resource in found
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    }


if __name__ == "__main__":
    sys.exit(problems(stored_definitions()))
