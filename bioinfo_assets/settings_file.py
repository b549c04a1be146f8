"""Where settings come from: a project's file, whose paths stay valid when it is moved, and the environment."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from bioinfo_assets.errors import InputError, suggest

PATHS: Final = (
    *("reference", "reference_alt", "reference_index", "contamination_sites", "haplotype_map"),
    *("watch", "scratch", "cache"),
)
LISTS_OF_PATHS: Final = ("known_sites", "tool_path")
_ADAPTERS: Final = ("three_prime_1", "three_prime_2", "five_prime_1", "five_prime_2")


def without_slash(output_path: str) -> str:
    """An output path as it is recorded: `s3://BUCKET/run7/` would be another project than `s3://BUCKET/run7`."""
    return output_path.rstrip("/") or output_path


def convert_paths(values: Mapping[str, Any], convert: Callable[[str], str]) -> dict[str, Any]:
    """Values with all paths in them converted; what is not a text is left for pydantic to report."""
    converted = dict(values)
    for name in PATHS:
        if isinstance(values.get(name), str) and values[name]:
            converted[name] = convert(values[name])
    for name in LISTS_OF_PATHS:
        if isinstance(values.get(name), list):
            converted[name] = [convert(item) if isinstance(item, str) else item for item in values[name]]
    trimming = values.get("trimming")
    if isinstance(trimming, dict):
        paths = {name: trimming[name] for name in _ADAPTERS if "/" in str(trimming.get(name) or "")}  # or a sequence
        adapters = {name: _convert_adapter(str(path), convert) for name, path in paths.items()}
        converted["trimming"] = {**trimming, **adapters}
    return converted


def _convert_adapter(path: str, convert: Callable[[str], str]) -> str:
    """The path of an adapter file, which always has a slash in it, so that it is not taken for a sequence."""
    converted = convert(path.removeprefix("./"))
    return converted if "/" in converted else f"./{converted}"


def without_given(environment: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the environment that nothing given by the program overrides.

    >>> without_given({"cpus": "2", "trimming": {"max_n": "0", "poly_g": "1"}}, {"cpus": 3, "trimming": {"max_n": 1}})
    {'trimming': {'poly_g': '1'}}
    """
    left = {}
    for name, value in environment.items():
        if name not in given:
            left[name] = value
        elif isinstance(value, dict) and isinstance(given[name], Mapping):
            left[name] = without_given(value, given[name])
    return {name: value for name, value in left.items() if value != {}}


def without_environment(
    values: Mapping[str, Any], environment: Mapping[str, Any], file: Mapping[str, Any]
) -> dict[str, Any]:
    """Values with those that came from the environment as they are in the file, if they are in it.

    >>> without_environment({"engine": "gatk", "cpus": 2, "cram": "off"}, {"engine": "gatk", "cpus": "2"}, {"cpus": 8})
    {'cpus': 8, 'cram': 'off'}
    """
    kept = dict(values)
    for name, value in environment.items():
        nested, saved = values.get(name), file.get(name)
        if isinstance(value, dict) and isinstance(nested, dict):
            saved = without_environment(nested, value, saved if isinstance(saved, dict) else {}) or None
        kept[name] = saved
    return {name: value for name, value in kept.items() if value is not None}


def check_variables(variables: Mapping[str, str], prefix: str, names: Collection[str]) -> None:
    """Check the environment: a misspelt variable would be ignored, and reads be aligned to another genome.

    Args:
        variables: The environment.
        prefix: How our variables begin.
        names: The settings.

    Raises:
        InputError: a variable has our prefix and is not a setting, or its value is not UTF-8.
    """
    for variable, value in variables.items():
        if not variable.upper().startswith(prefix):
            continue
        setting = variable[len(prefix) :].partition("__")[0].lower()
        if setting not in names:
            similar = suggest(prefix + setting.upper(), {prefix + name.upper() for name in names})
            hint = f"did you mean {similar}?" if similar else "unset it"
            raise InputError(f"unknown environment variable {variable}: {hint}")
        if not is_text(value):
            raise InputError(f"environment variable {variable} is not UTF-8: correct it, or rename what it names")


def is_text(value: str) -> bool:
    """Whether a text can be written as UTF-8; a path with other bytes has surrogates in their place."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
