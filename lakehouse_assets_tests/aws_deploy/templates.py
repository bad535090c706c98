"""The kept templates, as tests ask them: resources by type, references written out, and what a role may do."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_deploy.presets import PRESETS, Preset
from aws_deploy.synth import TEMPLATES

Properties = dict[str, Any]
BOTH = sorted(PRESETS)


def text(value: Any) -> Any:
    """A value with its references in it as <Name>, so that it can be compared."""
    if isinstance(value, dict):
        if set(value) == {"Ref"}:
            return f"<{value['Ref']}>"
        if set(value) == {"Fn::GetAtt"}:
            return f"<{'.'.join(value['Fn::GetAtt'])}>"
        if set(value) == {"Fn::Join"}:
            return value["Fn::Join"][0].join(text(part) for part in value["Fn::Join"][1])
        return {key: text(inner) for key, inner in value.items()}
    return [text(inner) for inner in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Template:
    preset: Preset
    whole: dict[str, Any]

    def __getitem__(self, identifier: str) -> Properties:
        """The properties of a resource."""
        return dict(text(self.whole["Resources"][identifier]["Properties"]))

    def of_type(self, kind: str) -> dict[str, Properties]:
        return {name: self[name] for name, resource in self.whole["Resources"].items() if resource["Type"] == kind}

    def may(self, role: str) -> list[tuple[str, str]]:
        """Each (action, resource) that a role of this template allows; with <BucketName>/ in short for the bucket's
        ARN.
        """
        policies = self[role].get("Policies", [])
        return [
            (action, resource.removeprefix("arn:<AWS::Partition>:s3:::<BucketName>/"))
            for statement in (statement for policy in policies for statement in policy["PolicyDocument"]["Statement"])
            if statement["Effect"] == "Allow"
            for action in _as_list(statement["Action"])
            for resource in _as_list(statement["Resource"])
        ]

    def keys(self, role: str, action: str) -> set[str]:
        """The keys in the bucket on which a role may do this."""
        return {resource for allowed, resource in self.may(role) if fnmatch.fnmatchcase(action, allowed)}

    @property
    def machine(self) -> dict[str, Any]:
        return dict(json.loads(self["StateMachine"]["DefinitionString"]))

    def states(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every state, those inside of Parallel states too."""
        yield from _states(self.machine["States"])


def _states(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in states.items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from _states(branch["States"])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@cache
def kept(preset: str, part: str) -> Template:
    """`part`: storage or pipeline."""
    return Template(PRESETS[preset], json.loads((TEMPLATES / f"{preset}-{part}.json").read_text("utf-8")))
