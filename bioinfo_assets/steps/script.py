r"""A step's script: values as quoted assignments, then a bash file of `scripts/` as it stands.

No value is ever pasted into a command. Each becomes a shell variable or array, quoted by `shlex`, that the bash file
uses in double quotes; so the file can be read, and run by hand, for itself.

>>> print(render("alignment_metrics", "java", sample="it's", quals=(10, 20)).partition("\n\n")[0])
sample='it'"'"'s'
quals=(10 20)
"""

import shlex
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from inspect import getsource
from types import ModuleType
from typing import Final

Value = str | int | float | bool

_SCRIPTS: Final = files("bioinfo_assets.steps") / "scripts"


def render(name: str, *shared: str, **values: Value | Sequence[Value]) -> str:
    """Write a step's script.

    Args:
        name: The bash file in `scripts/`, without its ending.
        shared: Bash files with functions that it uses, such as `java`.
        values: What becomes its variables; a sequence becomes an array, true `yes` and false an empty string.
    """
    assignments = "\n".join(f"{variable}={_quoted(value)}" for variable, value in values.items())
    parts = (assignments, *(read(f"{part}.sh") for part in (*shared, name)))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _quoted(value: Value | Sequence[Value]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "''"
    if isinstance(value, str | int | float):
        return shlex.quote(str(value))
    return f"({' '.join(_quoted(each) for each in value)})"


def read(name: str) -> str:
    """A file of `scripts/` as it stands."""
    return (_SCRIPTS / name).read_text(encoding="utf-8")


@cache
def source_of(module: ModuleType) -> str:
    """A module's own text, for `python3 -c` in a script: one that uses nothing but the standard library."""
    return getsource(module)
