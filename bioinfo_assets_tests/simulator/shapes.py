"""Whether answers are as botocore's service model has them: it leaves out, without a word, what it does not know."""

import json

KINDS = {"string": str, "boolean": bool, "integer": int, "long": int, "timestamp": int, "structure": dict, "map": dict}
NEVER_STARTED = {"startedAt"}
"""Required by the model, yet absent from jobs that have not begun; Batch leaves it out as well."""


def check_answer(operation_model, response_dict, **_):
    """To be called with each raw answer (event `before-parse`)."""
    if response_dict["status_code"] == 200 and operation_model.output_shape is not None:
        check(operation_model.name, json.loads(response_dict["body"]), operation_model.output_shape)


def check(place, value, shape):
    """Each member is known, of its kind, one of its values, and the required ones are there."""
    if shape.type_name == "list":
        assert isinstance(value, list), place
        for item in value:
            check(f"{place}[]", item, shape.member)
        return
    assert isinstance(value, KINDS[shape.type_name]), f"{place} is {value!r}, no {shape.type_name}"
    if shape.type_name == "map":
        for item in value.values():
            check(f"{place}.*", item, shape.value)
    elif shape.type_name == "structure":
        unknown = value.keys() - shape.members.keys()
        assert not unknown, f"{place} has {unknown}"
        missing = set(shape.required_members) - value.keys() - NEVER_STARTED
        assert not missing, f"{place} has no {missing}"
        for name, item in value.items():
            check(f"{place}.{name}", item, shape.members[name])
    elif shape.type_name == "string":
        assert not shape.enum or value in shape.enum, f"{place} is {value!r}"
