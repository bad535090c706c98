"""Finds the missing permission in AWS's error message: IAM names the action, and usually the resource."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMED = re.compile(
    r"(?P<who>arn:\S+)? ?is not authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource:? (?P<resource>\S+))?"
)
LAKE_FORMATION = re.compile(r"Insufficient Lake Formation permission\(s\): (?P<action>[^:;(\n]+)")
UNNAMED = re.compile(
    r"(?:AccessDenied\w*|UnauthorizedOperation|Access Denied)\b.*?(?:when calling the (?P<operation>\w+) operation|$)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Missing:
    """`action`: IAM's name of it, or the operation's name if the message has no action. `who`: the role or user that
    lacks the permission, if the message names it.
    """

    action: str
    resource: str | None = None
    who: str | None = None

    def __str__(self) -> str:
        return (
            f"{self.action}{f' on {self.resource}' if self.resource else ''}{f', for {self.who}' if self.who else ''}"
        )


def missing_permission(said: str) -> Missing | None:
    """The missing permission that an error's text names; None if the text is not about permissions."""
    if found := NAMED.search(said):
        return Missing(found["action"], _bare(found["resource"]), _bare(found["who"]))
    if found := LAKE_FORMATION.search(said):
        return Missing(f"Lake Formation: {found['action'].strip()}")
    if found := UNNAMED.search(said):
        return Missing(found["operation"] or "not named by AWS")
    return None


def _bare(name: str | None) -> str | None:
    return name.strip("'\".,;)") if name else None
