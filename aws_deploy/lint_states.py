"""`python -m aws_deploy.lint_states` (part of `make check-deploy`): the kept templates' state machines, held to
asl-validator (npm).

It reads the JSONata expressions and follows every transition; cfn-lint 1.58 says nothing of an expression that does not
parse, nor of a `Next` that leads nowhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from aws_deploy.synth import KEPT

VALIDATOR = Path(__file__).parent / "node_modules" / ".bin" / "asl-validator"


def problems(definitions: dict[str, str]) -> str | None:
    """What the validator has against state machines, given by name; None where it has nothing. Needs Node.js, and what
    `npm ci` installs.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, definition in definitions.items():
            (Path(folder) / name).write_text(definition, "utf-8")
        paths = [argument for name in definitions for argument in ("--json-path", name)]
        done = subprocess.run([VALIDATOR, *paths], cwd=folder, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip() if done.returncode else None


def kept_definitions() -> dict[str, str]:
    """The state machines of the kept templates, by their files' names."""
    resources = {
        file.name: json.loads(file.read_text("utf-8"))["Resources"].values()
        for file in sorted(KEPT.glob("*-pipeline.json"))
    }
    return {
        name: resource["Properties"]["DefinitionString"]
        for name, found in resources.items()
        for resource in found
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    }


if __name__ == "__main__":
    sys.exit(problems(kept_definitions()))
