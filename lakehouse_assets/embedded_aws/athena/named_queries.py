"""Gap: ministack's CloudFormation does not know AWS::Athena::NamedQuery, and refuses a template that has one. Here it
creates the saved query.

As on AWS, an update replaces the saved query
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-athena-namedquery.html).
"""

import json
from typing import Any

from ministack.services import athena  # type: ignore[import-untyped]
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

TYPE = "AWS::Athena::NamedQuery"


def fill() -> None:
    """Adds the resource type AWS::Athena::NamedQuery."""
    provisioners._RESOURCE_HANDLERS[TYPE] = {"create": _create, "update": _update, "delete": _delete}


def _create(_logical_id: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
    if missing := [name for name in ("Database", "QueryString") if not properties.get(name)]:
        raise ValueError(f"{TYPE} needs {' and '.join(missing)}")
    _, _, body = athena._create_named_query(properties)
    query_id = str(json.loads(body)["NamedQueryId"])
    return query_id, {"NamedQueryId": query_id}


def _update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> tuple[str, dict[str, str]]:
    if old == new and physical_id in athena._named_queries:
        return physical_id, {"NamedQueryId": physical_id}
    made = _create("", new, stack)
    _delete(physical_id, old)
    return made


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    athena._delete_named_query({"NamedQueryId": physical_id})
