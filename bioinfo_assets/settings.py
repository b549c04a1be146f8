"""The settings of a project: what is aligned to what, how, and where jobs run.

In order of precedence they come from the program (options of the command line), from the environment
(`BIOINFO_ASSETS_REFERENCE=…`, nested ones with two underscores: `BIOINFO_ASSETS_TRIMMING__TRUSEQ=true`), and from
`bioinfo-assets.toml` in the project's home. `bioinfo-assets run` writes that file, without what came from the
environment, so that Dagit shows and continues what the command line began.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, cast

import tomli_w
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from bioinfo_assets.automation_settings import AutomationSettings
from bioinfo_assets.errors import InputError, suggest
from bioinfo_assets.launch.backend_config import BackendConfig
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.job import JobOptions
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.optional_asset_settings import OptionalAssetSettings
from bioinfo_assets.quality_settings import AtLeast, AtMost, QualitySettings
from bioinfo_assets.retention_settings import KEEP, RetentionSettings
from bioinfo_assets.settings_file import (
    LISTS_OF_PATHS,
    PATHS,
    check_variables,
    convert_paths,
    without_environment,
    without_given,
    without_slash,
)
from bioinfo_assets.storage.address import check_addresses
from bioinfo_assets.storage.atomic import atomic_write
from bioinfo_assets.trimming_settings import TrimmingSettings

FILE_NAME: Final = "bioinfo-assets.toml"
HOME_VARIABLE: Final = "DAGSTER_HOME"
PREFIX: Final = "BIOINFO_ASSETS_"

_file_values: ContextVar[Mapping[str, Any] | None] = ContextVar("file_values", default=None)
"""The contents of the project's file, while its settings are built."""


def _split_by(separator: str) -> BeforeValidator:
    """Lets an environment variable hold several values: a text with separators, or a JSON list."""

    def split(value: object) -> object:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)  # pydantic reports its ValueError
        return tuple(item.strip() for item in value.split(separator) if item.strip())

    return BeforeValidator(split)


EngineName = Literal["gatk", "native"]


class StepOptions(JobOptions):
    """Options of the jobs of one asset, and its engine, which the job itself depends on."""

    engine: EngineName | None = Field(default=None, description="The engine of this asset, instead of the project's.")


class Settings(BackendConfig, AutomationSettings, OptionalAssetSettings, BaseSettings):
    """The settings of a project. Those of its other bases are among them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=False
    )

    _environment: Mapping[str, Any] = PrivateAttr(default={})

    output_path: Annotated[str, AfterValidator(without_slash)] = Field(
        description="Where results are published: an absolute folder, or `s3://BUCKET/FOLDER`."
    )
    reference: str | None = Field(default=None, description="The genome's FASTA, plain or gzipped: a path or address.")
    reference_alt: str | None = Field(
        default=None, description="The `.alt` file of an ALT-aware reference; the one next to it by default."
    )
    reference_index: str | None = Field(
        default=None,
        description="A ready-made index of `aligner`: the path or address of its files without their suffixes.",
    )
    known_sites: Annotated[tuple[str, ...], NoDecode, _split_by(",")] = Field(
        default=(),
        description="Bgzipped VCFs of known variants for base recalibration; none: no recalibration. `run` has "
        "defaults.",
    )
    aligner: Literal["auto", "bwa", "bwa-mem2", "bwa-mem3"] = Field(
        default="auto",
        description="The aligner; `auto` is bwa-mem2 where it is installed, otherwise bwa. bwa-mem3 needs an index of "
        "bwa-mem2, given by `reference_index`.",
    )
    engine: EngineName = Field(
        default="native",
        description="The program that marks duplicates, recalibrates, collects metrics, and merges and counts reads: "
        "`native`, the project's own, or `gatk` (GATK and Picard, samtools, awk), with the same results in more time. "
        "`engine` in `[steps.ASSET]` chooses it for one asset.",
    )
    steps: Mapping[str, StepOptions] = Field(default={}, description="Options of the jobs of single assets, by asset.")
    platform: str = Field(
        default="ILLUMINA", description="The sequencing platform: PL of the read groups (SAM specification, 1.3)."
    )
    optical_distance: int = Field(
        default=2500,
        ge=0,
        description="Pixels within which duplicates count as optical: 2500 for patterned flow cells, 100 for others.",
    )
    quantized_quals: Annotated[tuple[int, ...], NoDecode, _split_by(",")] = Field(
        default=(10, 20, 30), description="The base qualities that recalibration rounds to."
    )
    trimming: TrimmingSettings = Field(default=TrimmingSettings(), description="What cutadapt trims.")
    cram: Literal["off", "embedded", "external"] = Field(
        default="off",
        description="Whether the final alignment is also written as CRAM and checked against the BAM: `embedded`, with "
        "the parts of the reference that it needs; `external`, for readers that have the reference or find it by M5.",
    )
    depth_as_text: bool = Field(
        default=False, description="Publish depth as plain text instead of bgzipped and indexed."
    )
    retention: RetentionSettings = Field(default=RetentionSettings(), description="How long large files are kept.")
    quality: QualitySettings = Field(default=QualitySettings(), description="The limits of quality control.")
    tool_path: Annotated[tuple[str, ...], NoDecode, _split_by(os.pathsep)] = Field(
        default=(), description="Folders with tools, searched before `PATH`."
    )
    cache: str | None = Field(
        default=None,
        description="Folder or S3 prefix of the shared cache: results found there are copied instead of recomputed.",
    )

    @property
    def from_environment(self) -> Mapping[str, Any]:
        """The settings that came from the environment, as texts; they hold for this process, and are not saved."""
        return self._environment

    def note_environment(self, values: Mapping[str, Any]) -> None:
        """Note which settings came from the environment."""
        self._environment = values

    def engine_of(self, asset: str) -> EngineName:
        """The engine that computes an asset."""
        options = self.steps.get(asset)
        return (options.engine if options else None) or self.engine

    @model_validator(mode="after")
    def _check_index(self) -> Self:
        """An index is of one aligner, and bwa-mem3 cannot make one."""
        if self.aligner == "bwa-mem3" and self.reference_index is None:
            raise PydanticCustomError(
                "index", "bwa-mem3 cannot index a reference: set `reference_index` to an index made by bwa-mem2"
            )
        if self.aligner == "auto" and self.reference_index is not None:
            raise PydanticCustomError(
                "index", "reference_index is made by one aligner: set `aligner` to bwa, bwa-mem2 or bwa-mem3 too"
            )
        return self

    @model_validator(mode="after")
    def _check_final_alignment(self) -> Self:
        """The final alignment is not an intermediate, unless there is a CRAM of it."""
        if self.retention.recalibrated_bam != KEEP and self.cram == "off":
            raise PydanticCustomError(
                "retention",
                "retention.recalibrated_bam would delete the only final alignment: set `cram` too, or keep the BAM",
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The program's values, then the environment, then the project's file."""
        file = InitSettingsSource(settings_cls, init_kwargs=dict(_file_values.get() or {}))
        return init_settings, env_settings, file


_MODELS: Final = (
    Settings, TrimmingSettings, RetentionSettings, QualitySettings, AtLeast, AtMost, StepOptions, BatchConfig
)  # fmt: skip
"""All that have settings, for suggestions."""


def load(home: Path | None, **overrides: object) -> Settings:
    """Load the settings of a project.

    Args:
        home: The project's home; None for a program without a project.
        overrides: Settings that take precedence; None counts as not set.

    Raises:
        InputError: a setting is missing or wrong; the sentence names it.
    """
    check_variables(os.environ, PREFIX, Settings.model_fields)
    values = {name: value for name, value in overrides.items() if value is not None}
    token = _file_values.set(_read_file(home, values.get("output_path")) if home else {})
    try:
        settings = Settings(**cast("Any", values))
    except ValidationError as error:
        raise InputError(_sentence(error)) from error
    except (SettingsError, RecursionError) as error:
        raise InputError(_sentence_of_variable(error)) from error
    finally:
        _file_values.reset(token)
    lists = (item for name in LISTS_OF_PATHS for item in getattr(settings, name))
    check_addresses(settings.output_path, *(getattr(settings, name) for name in PATHS), *lists)
    settings.note_environment(without_given(EnvSettingsSource(Settings)(), values))
    return settings


def save(settings: Settings, home: Path) -> Path:
    """Save the settings that differ from the defaults in a project's home, atomically; returns the file.

    Those that came from the environment are not saved: the file keeps what it had. Paths under the output path are
    saved relative to it, and the output path itself only where the home is elsewhere, so that a project can be moved.
    """
    values = portable_values(settings, exclude_unset=True, exclude_none=True)
    values = without_environment(values, settings.from_environment, _parse_file(home))
    if str(home) == OutputLayout(settings.output_path).home:
        values.pop("output_path", None)
    home.mkdir(parents=True, exist_ok=True)
    file = home / FILE_NAME
    with atomic_write(file) as part:
        part.write_text(tomli_w.dumps(values), encoding="utf-8")
    return file


def portable_values(settings: Settings, **selection: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's own
    """The settings as JSON values that stay valid when the project is moved: paths under the output path are relative.

    Args:
        settings: The settings.
        selection: Which of them, as pydantic's `model_dump` takes it.
    """
    values = settings.model_dump(mode="json", **selection)
    return convert_paths(values, OutputLayout(settings.output_path).relative)


def home_of(output_path: str) -> Path:
    """The project's home: `DAGSTER_HOME` if it is set, otherwise `.dagster` in a local output path.

    Raises:
        InputError: the output path is remote, and `DAGSTER_HOME` is not set.
    """
    home = home_from_environment()
    if home is not None:
        return home
    if "://" in output_path:
        check_addresses(output_path)
        raise InputError(
            f"set {HOME_VARIABLE} to a folder of this machine: {output_path} cannot hold Dagster's database"
        )
    return Path(OutputLayout(output_path).home)


def home_from_environment() -> Path | None:
    """The home that `DAGSTER_HOME` names, if it is set."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) if home else None


def output_path_of(home: Path) -> str | None:
    """The output path of the project with this home; None if its file does not exist or names none.

    Raises:
        InputError: the file is not TOML.
    """
    value = _parse_file(home).get("output_path")
    if value is not None:
        return without_slash(str(value))
    is_inside = (home / FILE_NAME).exists() and str(home) == OutputLayout(str(home.parent)).home
    return str(home.parent) if is_inside else None


def _read_file(home: Path, output_path: object) -> dict[str, Any]:
    """The values of a project's file, its paths made absolute."""
    values = _parse_file(home)
    root = output_path if isinstance(output_path, str) else output_path_of(home)
    if root is None:
        return values
    layout = OutputLayout(root)
    return {"output_path": root, **convert_paths(values, layout.absolute)}


def _parse_file(home: Path) -> dict[str, Any]:
    file = home / FILE_NAME
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}): check the path and its permissions") from error
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, and of numbers and lists beyond Python's limits
        raise InputError(f"{FILE_NAME} in {home} is not TOML ({error}): correct it") from error


def _sentence(error: ValidationError) -> str:
    problem = error.errors()[0]
    if not problem["loc"]:  # of several settings, which the message names
        return str(problem["msg"])
    name = ".".join(str(part) for part in problem["loc"]) or "settings"
    if problem["type"] == "extra_forbidden":
        names = (field for model in _MODELS for field in model.model_fields)
        similar = suggest(str(problem["loc"][-1]), names)
        hint = f"did you mean {similar}?" if similar else f"remove it from {FILE_NAME}"
        return f"unknown setting {name}: {hint}"
    message = problem["msg"][:1].lower() + problem["msg"][1:]
    variable = PREFIX + name.upper().replace(".", "__")
    return f"setting {name}: {message} (set it in {FILE_NAME} or by {variable})"


def _sentence_of_variable(error: Exception) -> str:
    """Pydantic names the field in its text only."""
    field = re.search(r'field "(\w+)"', str(error))
    variable = PREFIX + (field[1].upper() if field else "…")
    return f"environment variable {variable} is not a JSON object: set its parts one by one, such as {variable}__MAX_N"
