"""Calls a function in a job, as `python_asset` writes it into the job's script; needs the standard library only.

    python3 run_function.py CALL PARTITION    # CALL is JSON, see `python_asset`

The function's module is a file next to this one, and nothing is unpickled. The result is written as JSON; an exception
of the function is printed with its traceback, and becomes the reason of the job's failure.
"""

import importlib.util
import json
import sys
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def load_function(module_name: str, function_name: str) -> Any:  # noqa: ANN401 - a user's function
    """Load a function from the file of its module; other modules are imported as usual."""
    spec = importlib.util.spec_from_file_location(module_name, HERE / "function_module.py")
    if spec is None or spec.loader is None:
        raise ImportError(module_name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return getattr(module, function_name)


def find_input(name: str, *, one_for_each_partition: bool) -> Path | dict[str, Path]:
    """The file of an argument, or those of all partitions by partition."""
    if not one_for_each_partition:
        return Path(name)
    return {path.name.removesuffix(f".{name}"): path for path in sorted(Path().glob(f"*.{name}"))}


def main(call_text: str, partition: str) -> int:
    """Call the function; the exit code is 1 if it raised an exception."""
    call = json.loads(call_text)
    arguments = dict(call["parameters"])
    for argument, name in call["inputs"].items():
        arguments[argument] = find_input(name, one_for_each_partition=argument in call["for_each_partition"])
    if call["takes_partition"]:
        arguments["partition"] = partition
    try:
        value = load_function(call["module"], call["function"])(**arguments)
        text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False)
    except Exception as error:  # noqa: BLE001 - whatever the function raises is the reason of the failure
        traceback.print_exc()
        (HERE / "problem").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
        return 1
    Path(call["result"]).write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
