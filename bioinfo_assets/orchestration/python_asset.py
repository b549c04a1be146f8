"""Assets that a Python function computes: it runs in a job as the body of an asset runs in Dagster's process.

The source of the function's module is part of the job's script, so that the script is everything that was run: nothing
is pickled, no package of the project has to be in the container, and the record of a result shows its code. What goes
in are files and JSON; what comes out is JSON, and files.
"""

import ast
import importlib.util
import json
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Final

from bioinfo_assets.errors import InputError, did_you_mean
from bioinfo_assets.orchestration.file_source import FileSource
from bioinfo_assets.orchestration.job_asset import PARTITION_VARIABLE, JobAsset

RESULT: Final = "result.json"
"""The output with what the function returned."""

PYTHON: Final = "python3"

_SUFFIXES: Final = re.compile(r"(?:\.[A-Za-z0-9]+)*$")


@dataclass(frozen=True)
class PythonAsset(JobAsset):
    """An asset that a Python function computes, in a job of its own for each partition.

    The function is called by name with a `Path` for each of `inputs` and the value of each of `parameters`; if it has a
    parameter named `partition`, that is the partition, or an empty string. Where an asset without partitions reads one
    with partitions, it gets a dictionary of paths by partition. What it returns is published as `result.json`; further
    files that it leaves in the working folder are named in `outputs`. What it prints is shown in Dagit; its exception
    is the reason of a failure.

    The module is read and not imported: what it imports need not be installed here, but in the image of the job. It
    needs neither this library nor Dagster. Any change of its file computes the results again. Other modules that it
    imports belong to the image: raise `version` when one of them changes results.

    Attributes:
        function: `MODULE:FUNCTION`, where MODULE is found as `import` finds it.

    Raises:
        InputError: there is no such function, or it does not take these arguments.
    """

    kind: ClassVar[str] = "python"

    function: str = field(kw_only=True)
    source: str = field(init=False, repr=False, default="")
    takes_partition: bool = field(init=False, repr=False, default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in sorted(self.inputs.keys() & self.parameters.keys()):
            raise InputError(f"{name!r} of {self.name} is both an input and a parameter: remove one")
        module, _, function = self.function.partition(":")
        path = _path_of(module, self.function)
        source = path.read_text(encoding="utf-8")
        parameters = _parameters_of(function, source, path)
        _check_arguments(self.function, parameters, {*self.inputs, *self.parameters})
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "takes_partition", PARTITION_VARIABLE in parameters.names)

    @property
    def files(self) -> Sequence[str]:
        """Its outputs, after the function's result."""
        return (RESULT, *self.outputs)

    @property
    def all_tools(self) -> tuple[str, ...]:
        """Python, and its tools."""
        return (PYTHON, *self.tools)

    def local_name(self, name: str) -> str:
        """The parameter's name, with the suffixes of the file: libraries derive its format from them."""
        item = self.inputs[name]
        file = item.uri if isinstance(item, FileSource) else item.output
        suffixes = _SUFFIXES.search(file.partition("?")[0])
        return name + (suffixes[0] if suffixes else "")

    @property
    def code(self) -> str:
        """Bash that writes the module and calls the function."""
        module, _, function = self.function.partition(":")
        call = {
            "module": module,
            "function": function,
            "inputs": {name: self.local_name(name) for name in self.inputs},
            "for_each_partition": [name for name, item in self.inputs.items() if self.reads_all_partitions(item)],
            "parameters": dict(self.parameters),
            "takes_partition": self.takes_partition,
            "result": RESULT,
        }
        arguments = f'{shlex.quote(json.dumps(call, sort_keys=True))} "${{partition-}}"'
        runner = files(__package__).joinpath("run_function.py").read_text(encoding="utf-8")
        return (
            f"printf '%s' {shlex.quote(self.source)} >\"$TMPDIR/function_module.py\"\n"
            f"printf '%s' {shlex.quote(runner)} >\"$TMPDIR/run_function.py\"\n"
            "code=0\n"
            f'{PYTHON} "$TMPDIR/run_function.py" {arguments} || code=$?\n'
            '[[ ! -s $TMPDIR/problem ]] || fail "$(<"$TMPDIR/problem")"\n'
            '[[ $code == 0 ]] || exit "$code"\n'
        )


@dataclass(frozen=True, slots=True)
class _Parameters:
    """The parameters of a function: all, those without a default, and whether it takes any other."""

    names: Sequence[str]
    required: Collection[str]
    takes_any: bool


def _path_of(module: str, function: str) -> Path:
    """The file of a module, which is not imported; its package is."""
    try:
        spec = importlib.util.find_spec(module) if ":" in function else None
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise InputError(
            f"no Python file for the function {function!r}: write it as MODULE:FUNCTION, with MODULE where"
            " `import` finds it"
        )
    return Path(spec.origin)


def _parameters_of(function: str, source: str, path: Path) -> _Parameters:
    try:
        nodes = ast.parse(source).body
    except SyntaxError as error:
        raise InputError(f"{path.name} is not Python ({error.msg}): correct it") from error
    functions = {node.name: node for node in nodes if isinstance(node, ast.FunctionDef)}
    if function not in functions:
        raise InputError(f"{path.stem} has no function {function!r}: {did_you_mean(function, functions, 'functions')}")
    arguments = functions[function].args
    positional = [argument.arg for argument in arguments.args]
    keywords = [argument.arg for argument in arguments.kwonlyargs]
    required = positional[: len(positional) - len(arguments.defaults)]
    required += [name for name, default in zip(keywords, arguments.kw_defaults, strict=True) if default is None]
    return _Parameters(positional + keywords, required, takes_any=arguments.kwarg is not None)


def _check_arguments(function: str, parameters: _Parameters, given: Collection[str]) -> None:
    names = [name for name in parameters.names if name != PARTITION_VARIABLE]
    for name in sorted(given):
        if name not in names and not parameters.takes_any:
            hint = did_you_mean(name, names, "parameters") if names else "it takes none"
            raise InputError(f"{function} has no parameter {name!r}: {hint}")
    for name in parameters.required:
        if name not in given and name != PARTITION_VARIABLE:
            raise InputError(f"{function} needs {name!r}: name it in inputs or in parameters")
