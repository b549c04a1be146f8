"""Checks of answers against botocore's service model; botocore itself silently drops what it does not know."""

import json
from typing import Any, Final

from botocore.model import OperationModel

KINDS: Final[dict[str, type]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "timestamp": int,
    "structure": dict,
    "map": dict,
}
NEVER_STARTED = {"startedAt"}
"""Required by the model, but missing in jobs that have not started, as in Batch."""


def check_answer(operation_model: OperationModel, response_dict: dict[str, Any], **_: object) -> None:
    """Check a raw answer; a handler of the event `before-parse`."""
    if response_dict["status_code"] == 200 and operation_model.output_shape is not None:
        check(operation_model.name, json.loads(response_dict["body"]), operation_model.output_shape)


def check(path: str, value: Any, shape: Any) -> None:
    """Check that members are known, of their type and among their values, and that required ones are present."""
    if shape.type_name == "list":
        assert isinstance(value, list), path
        for item in value:
            check(f"{path}[]", item, shape.member)
        return
    has_type = isinstance(value, KINDS[shape.type_name])
    assert has_type, f"{path} is {value!r}, not a {shape.type_name}"
    if shape.type_name == "map":
        for item in value.values():
            check(f"{path}.*", item, shape.value)
    elif shape.type_name == "structure":
        unknown = value.keys() - shape.members.keys()
        assert not unknown, f"{path} has {unknown}"
        missing = set(shape.required_members) - value.keys() - NEVER_STARTED
        assert not missing, f"{path} has no {missing}"
        for name, item in value.items():
            check(f"{path}.{name}", item, shape.members[name])
    elif shape.type_name == "string":
        assert not shape.enum or value in shape.enum, f"{path} is {value!r}"
