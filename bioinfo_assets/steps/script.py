r"""A step's script: values as quoted assignments, followed by an unchanged bash file of `scripts/`.

Values are never inserted into a command. Each becomes a shell variable or array, quoted by `shlex`, which the bash file
uses in double quotes; so the file can be read, and run by hand, by itself.

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
    """Render a step's script.

    Args:
        name: The bash file in `scripts/`, without its suffix.
        shared: Bash files that come before it, such as `java`, which has functions that it uses.
        values: Its variables; a sequence becomes an array, true becomes `yes` and false an empty string.
    """
    assignments = "\n".join(f"{variable}={_quote(value)}" for variable, value in values.items())
    parts = (assignments, *(read_script(f"{part}.sh") for part in (*shared, name)))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _quote(value: Value | Sequence[Value]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "''"
    if isinstance(value, str | int | float):
        return shlex.quote(str(value))
    return f"({' '.join(_quote(item) for item in value)})"


def read_script(name: str) -> str:
    """Read a file of `scripts/`."""
    return (_SCRIPTS / name).read_text(encoding="utf-8")


@cache
def module_source(module: ModuleType) -> str:
    """The source of a module that uses the standard library only, for `python3 -c` in a script."""
    return getsource(module)
