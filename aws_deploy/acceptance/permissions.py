"""Which permission is missing, by what AWS says when it refuses: IAM names the action, and most often the resource."""

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
    """`action`: as IAM calls it, or the operation's name where AWS did not say. `who`: the role or user that lacks it,
    where AWS said.
    """

    action: str
    resource: str | None = None
    who: str | None = None

    def __str__(self) -> str:
        return (
            f"{self.action}{f' on {self.resource}' if self.resource else ''}{f', for {self.who}' if self.who else ''}"
        )


def missing_permission(said: str) -> Missing | None:
    """The permission that an error's text says is missing; None where it says nothing of the kind."""
    if found := NAMED.search(said):
        return Missing(found["action"], _bare(found["resource"]), _bare(found["who"]))
    if found := LAKE_FORMATION.search(said):
        return Missing(f"Lake Formation: {found['action'].strip()}")
    if found := UNNAMED.search(said):
        return Missing(found["operation"] or "not named by AWS")
    return None


def _bare(name: str | None) -> str | None:
    return name.strip("'\".,;)") if name else None
