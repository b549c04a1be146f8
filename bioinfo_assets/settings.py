"""The settings of a project: what is aligned to what, how, and with which means.

They come, the first that says it, from what a program passes, from the environment (`BIOINFO_ASSETS_REFERENCE=…`,
nested ones with two underscores: `BIOINFO_ASSETS_TRIMMING__TRUSEQ=true`), and from `bioinfo-assets.toml` in the
project's home. `bioinfo-assets run` writes that file, so that Dagit shows and continues what the command line began.
"""

import json
import os
import re
import sys
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal
from uuid import uuid4

import tomli_w
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.backend_config import BackendConfig, BackendName
from bioinfo_assets.launch.batch.config import BatchConfig
from bioinfo_assets.launch.job_options import JobOptions

FILE_NAME = "bioinfo-assets.toml"
HOME_VARIABLE = "DAGSTER_HOME"
PREFIX = "BIOINFO_ASSETS_"


def _items(separator: str) -> BeforeValidator:
    """Lets a variable hold several values: one string with a separator, or a JSON list."""

    def split(given: object) -> object:
        if not isinstance(given, str):
            return given
        if given.lstrip().startswith("["):
            return json.loads(given)  # what is wrong in it is a ValueError, which pydantic tells
        return tuple(item.strip() for item in given.split(separator) if item.strip())

    return BeforeValidator(split)


class TrimmingSettings(BaseModel):
    """What cutadapt cuts off; nothing unless given, as reads come from most sequencers without adapters.

    Attributes:
        truseq: Cut Illumina's TruSeq adapters from the 3' ends.
        three_prime_1: 3' adapter of read 1: a sequence, or a FASTA file of adapters.
        three_prime_2: 3' adapter of read 2.
        five_prime_1: 5' adapter of read 1.
        five_prime_2: 5' adapter of read 2.
        poly_g: Cut runs of G that two-colour machines (NextSeq, NovaSeq) write past the end of a fragment, and with
            them 3' ends below a quality of 20.
        max_n: Pairs with a larger share of N in one read are dropped.
        minimum_length: Pairs with a shorter read after trimming are dropped; bases.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    truseq: bool = False
    three_prime_1: str | None = None
    three_prime_2: str | None = None
    five_prime_1: str | None = None
    five_prime_2: str | None = None
    poly_g: bool = False
    max_n: float = Field(default=0.1, ge=0, le=1)
    minimum_length: int = Field(default=20, ge=1)


class Settings(BaseSettings):
    """The settings of a project.

    Attributes:
        output_path: Where results are published: an absolute folder, or `s3://BUCKET/FOLDER`.
        reference: The genome's FASTA, plain or gzipped: a path or address.
        reference_alt: The `.alt` file of an ALT-aware reference.
        known_sites: VCFs of known variants for base recalibration, each bgzipped; none: no recalibration.
        aligner: `auto` takes bwa-mem2 where it is installed, else bwa.
        platform: The sequencing platform, PL of the read groups (SAM specification, 1.3).
        optical_distance: Pixels within which duplicates count as optical; 2500 for patterned flow cells.
        quantized_quals: The base qualities that recalibration rounds to.
        trimming: What cutadapt cuts off.
        depth_as_text: Whether depth is published as plain text rather than bgzipped and indexed.
        scratch: The place in which jobs work: a folder of this machine, or for AWS Batch `s3://BUCKET/FOLDER`.
        cpus: Processors that jobs share.
        memory_mib: Memory that jobs share, in MiB.
        tool_path: Folders with tools, looked at before those of this project and of `PATH`.
        cache: A prefix that holds the records of results of other projects too: what one made the others copy.
        backend: Where jobs run: as processes or containers of this machine, or on AWS Batch.
        jobs: How all jobs run.
        steps: How the jobs of one asset run, where that differs.
        batch: How this project speaks to AWS Batch.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", validate_default=False
    )

    output_path: str
    reference: str | None = None
    reference_alt: str | None = None
    known_sites: Annotated[tuple[str, ...], NoDecode, _items(",")] = ()
    aligner: Literal["auto", "bwa", "bwa-mem2"] = "auto"
    platform: str = "ILLUMINA"
    optical_distance: int = Field(default=2500, ge=0)
    quantized_quals: Annotated[tuple[int, ...], NoDecode, _items(",")] = (10, 20, 30)
    trimming: TrimmingSettings = TrimmingSettings()
    depth_as_text: bool = False
    scratch: str | None = None
    cpus: int | None = Field(default=None, ge=1)
    memory_mib: int | None = Field(default=None, ge=1)
    tool_path: Annotated[tuple[str, ...], NoDecode, _items(os.pathsep)] = ()
    cache: str | None = None
    backend: BackendName = "local"
    jobs: JobOptions = JobOptions()
    steps: dict[str, JobOptions] = {}
    batch: BatchConfig = BatchConfig()

    @property
    def means(self) -> BackendConfig:
        """Where jobs run."""
        return BackendConfig(
            backend=self.backend,
            scratch=self.scratch,
            cpus=self.cpus,
            memory_mib=self.memory_mib,
            tool_path=self.tool_folders,
            image=self.jobs.image,
            batch=self.batch,
        )

    @property
    def queues(self) -> tuple[tuple[str, str], ...]:
        """The job queues of AWS Batch that the settings name, each with what names of jobs there begin with."""
        options = (self.jobs, *(self.options_of(asset) for asset in self.steps))
        named = ((one.queue, one.prefix) for one in options)
        return tuple(dict.fromkeys((queue, prefix) for queue, prefix in named if queue is not None))

    def options_of(self, asset: str) -> JobOptions:
        """How the jobs of an asset run, as far as the settings say."""
        return self.jobs.then(self.steps.get(asset, JobOptions()))

    @property
    def tool_folders(self) -> tuple[str, ...]:
        """Folders with tools: those that are set, then that of the Python that runs this, where cutadapt is.

        `make install` links GATK and Picard there. So jobs find the same tools however a run is started.
        """
        return (*self.tool_path, str(Path(sys.executable).parent))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What a program passes, then the environment, then the file of the project's home."""
        home = os.environ.get(HOME_VARIABLE)
        file = Path(home) / FILE_NAME if home else None
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)


def load(**given: object) -> Settings:
    """The settings, with what is `given` (other than None) before all else.

    Raises:
        InputError: a setting is missing or wrong; the sentence names it.
    """
    _check_variables(list(os.environ))
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise InputError(_sentence(error)) from error
    except SettingsError as error:
        raise InputError(_sentence_of_variable(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _not_toml(os.environ[HOME_VARIABLE], error) from error


def save(settings: Settings, home: Path) -> Path:
    """Writes the settings that were set, not those that are the default, to a project's home; gives the file.

    Whoever reads sees the old file or the new one whole, and of several who write one wins.
    """
    home.mkdir(parents=True, exist_ok=True)
    file = home / FILE_NAME
    values = settings.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    temporary = home / f".{FILE_NAME}.{uuid4().hex}.part"
    try:
        temporary.write_text(tomli_w.dumps(values), encoding="utf-8")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
    return file


def home_of(output_path: str) -> Path:
    """The project's home: `DAGSTER_HOME` where it is set, else `.dagster` in a local output path."""
    home = os.environ.get(HOME_VARIABLE)
    if home:
        return Path(home)
    if "://" in output_path:
        raise InputError(
            f"set {HOME_VARIABLE} to a folder of this machine: {output_path} cannot hold Dagster's database"
        )
    return Path(output_path) / ".dagster"


def output_path_of(home: Path) -> str | None:
    """The output path of the project whose home this is; None where its file names none yet.

    Raises:
        InputError: the file is not TOML.
    """
    file = home / FILE_NAME
    try:
        named = tomllib.loads(file.read_text(encoding="utf-8")).get("output_path") if file.exists() else None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _not_toml(home, error) from error
    return None if named is None else str(named)


def _not_toml(home: Path | str, error: Exception) -> InputError:
    return InputError(f"{FILE_NAME} in {home} is not TOML ({error}): correct it")


def _sentence(error: ValidationError) -> str:
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"]) or "settings"
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(str(problem["loc"][-1]), _all_names(), n=1)
        return f"there is no setting {name}: {f'did you mean {near[0]}?' if near else f'take it out of {FILE_NAME}'}"
    said = problem["msg"][:1].lower() + problem["msg"][1:]
    variable = PREFIX + name.upper().replace(".", "__")
    return f"setting {name}: {said} (set it in {FILE_NAME} or by {variable})"


def _all_names() -> list[str]:
    return [name for model in (Settings, TrimmingSettings, JobOptions, BatchConfig) for name in model.model_fields]


def _sentence_of_variable(error: SettingsError) -> str:
    """Pydantic names the field in its text only."""
    field = re.search(r'field "(\w+)"', str(error))
    variable = PREFIX + (field[1].upper() if field else "…")
    return f"environment variable {variable} is not a JSON object: set its parts one by one, such as {variable}__MAX_N"


def _check_variables(names: Sequence[str]) -> None:
    """A misspelt variable would go unheard, and another genome be aligned to.

    Raises:
        InputError: one with our prefix is no setting.
    """
    for name in names:
        first = name[len(PREFIX) :].partition("__")[0].lower()
        if name.upper().startswith(PREFIX) and first not in Settings.model_fields:
            near = get_close_matches(first, Settings.model_fields, n=1)
            hint = f"did you mean {PREFIX}{near[0].upper()}?" if near else "unset it"
            raise InputError(f"environment variable {name} is no setting: {hint}")
