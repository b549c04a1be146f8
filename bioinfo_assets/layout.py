"""Every path under an output folder, in one place.

    OUTPUT/SCOPE/FILE                          a published file
    OUTPUT/SCOPE/records/ASSET.json            the record of a result, or of a source's observation
    OUTPUT/SCOPE/records/history/…             records of results that were replaced
    OUTPUT/records/samples/NAME.json           a sample
    OUTPUT/records/samples/history/…           samples that were removed or renamed
    OUTPUT/records/quality/NAME.json           who accepted a sample that failed a quality check
    OUTPUT/resource_usage.html                 where time and money went
    OUTPUT/igv_session.xml                     all final alignments, for IGV
    OUTPUT/.scratch, OUTPUT/.dagster           where local jobs run; the project's home

A project can be moved: what is stored under the output path is recorded relative to it, everything else by its full
address.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final
from urllib.parse import quote

from pydantic import AfterValidator, PlainSerializer, SerializationInfo, ValidationInfo

from bioinfo_assets.errors import InputError
from bioinfo_assets.result_key import COHORT, REFERENCES, ResultKey
from bioinfo_assets.storage.store import join

RECORDS: Final = "records"
"""The folder of records, in each scope and, with the samples, at the top."""

RESULTS_URL: Final = "/results"
"""Where the web server has the files below the output path; links in Dagster's metadata begin with it."""

IGV_URL: Final = "/igv"
"""Where it has a page for each alignment below the output path, which opens that in IGV."""

HISTORY: Final = "history"

_PUBLISH_LOCK: Final = "publishing.json"


def records_in(scope_folder: str) -> str:
    """The folder of records in a scope's folder."""
    return join(scope_folder, RECORDS)


def history_in(scope_folder: str) -> str:
    """The folder of the records of replaced results in a scope's folder."""
    return join(scope_folder, RECORDS, HISTORY)


def scope_folder_of(record_uri: str) -> str:
    """The folder of the scope that a record belongs to; the address itself if it is not that of a record.

    >>> scope_folder_of("/records/2026/NA12878/records/history/depth.20261126T000000Z.0123456789ab.json")
    '/records/2026/NA12878'
    """
    folder, separator, _ = record_uri.rpartition(f"/{RECORDS}/")
    return folder if separator else record_uri


def is_past_record(uri: str) -> bool:
    """Whether an address is that of a replaced result's record."""
    return uri.rpartition("/")[0].endswith(f"/{RECORDS}/{HISTORY}")


@dataclass(frozen=True, slots=True)
class OutputLayout:
    """The addresses of everything under one output path.

    Attributes:
        output_path: An absolute local folder or an `s3://` address.

    Raises:
        InputError: the output path is neither.

    >>> layout = OutputLayout("s3://bucket/run7/")
    >>> layout.record(ResultKey("depth", "NA12878"))
    's3://bucket/run7/NA12878/records/depth.json'
    >>> layout.relative("s3://bucket/run7/NA12878/NA12878.recalib.bam")
    'NA12878/NA12878.recalib.bam'
    >>> layout.absolute("NA12878/NA12878.recalib.bam")
    's3://bucket/run7/NA12878/NA12878.recalib.bam'
    >>> layout.relative("s3://bucket/run70/x"), layout.absolute("/data/x")
    ('s3://bucket/run70/x', '/data/x')
    """

    output_path: str

    def __post_init__(self) -> None:
        if not self.output_path.startswith(("/", "s3://")):
            raise InputError(
                f"{self.output_path!r} cannot be the output path: give an absolute folder, or s3://BUCKET/FOLDER"
            )
        object.__setattr__(self, "output_path", self.output_path.rstrip("/"))

    def scope(self, scope: str) -> str:
        """The folder of a sample, or of what samples share."""
        return join(self.output_path, scope)

    def reference(self, name: str) -> str:
        """A file of the reference genome or of the known sites."""
        return join(self.output_path, REFERENCES, name)

    def sample(self, sample: str, suffix: str) -> str:
        """A file of one sample, named by the sample and what it is."""
        return join(self.output_path, sample, f"{sample}.{suffix}")

    def is_sample_file(self, uri: str) -> bool:
        """Whether an address is one of those that `sample` returns for any sample."""
        scope, _, name = self.relative(uri).partition("/") if self.contains(uri) else ("", "", "")
        return bool(scope) and "/" not in name and name.startswith(f"{scope}.")

    def is_result_file(self, uri: str) -> bool:
        """Whether an address is one where results may be published."""
        scope, _, name = self.relative(uri).partition("/") if self.contains(uri) else ("", "", "")
        return self.is_sample_file(uri) or (scope in {REFERENCES, COHORT} and "/" not in name)

    def is_record(self, uri: str) -> bool:
        """Whether an address is that of a record, of a current or a replaced result.

        >>> layout = OutputLayout("/run")
        >>> layout.is_record("/run/NA12878/records/depth.json"), layout.is_record("/run/records/samples/NA12878.json")
        (True, False)
        """
        folders = self.relative(uri).split("/")[1:-1]
        return uri.endswith(".json") and folders in ([RECORDS], [RECORDS, HISTORY])

    def report(self, name: str) -> str:
        """A file about all samples."""
        return join(self.output_path, COHORT, name)

    def records(self, scope: str) -> str:
        """The folder of a scope's records."""
        return records_in(self.scope(scope))

    def record(self, key: ResultKey) -> str:
        """The record of a result, or of a source's observation."""
        return join(self.records(key.scope), f"{key.asset}.json")

    def history(self, scope: str) -> str:
        """The folder of the records of a scope's replaced results."""
        return history_in(self.scope(scope))

    def past_record(self, key: ResultKey, finished: datetime, fingerprint: str) -> str:
        """The record of a result that was replaced."""
        return join(self.history(key.scope), f"{key.asset}.{finished:%Y%m%dT%H%M%SZ}.{fingerprint[:12]}.json")

    def publish_lock(self, scope: str) -> str:
        """What is locked while a scope's files are published."""
        return join(self.records(scope), _PUBLISH_LOCK)

    @property
    def samples(self) -> str:
        """The folder of the project's samples."""
        return join(self.output_path, RECORDS, "samples")

    def sample_file(self, name: str) -> str:
        """The file of a sample."""
        return join(self.samples, f"{name}.json")

    def accepted_quality(self, sample: str) -> str:
        """The file with the decisions to accept a sample that failed a quality check."""
        return join(self.output_path, RECORDS, "quality", f"{sample}.json")

    @property
    def past_samples(self) -> str:
        """The folder of samples that were removed or renamed."""
        return join(self.samples, HISTORY)

    @property
    def usage_page(self) -> str:
        """The page that shows where time and money went."""
        return join(self.output_path, "resource_usage.html")

    @property
    def igv_session(self) -> str:
        """The session of all final alignments for IGV."""
        return join(self.output_path, "igv_session.xml")

    @property
    def scratch(self) -> str:
        """Where jobs run unless a setting names another place."""
        return join(self.output_path, ".scratch")

    @property
    def project_name(self) -> str:
        """A name for what projects keep in a place that they share: the folder's name, and a digest of its address.

        >>> OutputLayout("s3://bucket/a/run 7").project_name, OutputLayout("s3://bucket/b/run 7").project_name
        ('run_7.ca7f122c8151', 'run_7.146a07b6a11c')
        """
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", self.output_path.rpartition("/")[2])
        return f"{name}.{sha256(self.output_path.encode()).hexdigest()[:12]}"

    @property
    def home(self) -> str:
        """The home of a local project: its settings and Dagster's database."""
        return join(self.output_path, ".dagster")

    def contains(self, uri: str) -> bool:
        """Whether an address is under the output path."""
        return uri.startswith(f"{self.output_path}/")

    def relative(self, uri: str) -> str:
        """How an address is recorded: relative to the output path if it is under it, otherwise unchanged."""
        return uri[len(self.output_path) + 1 :] if self.contains(uri) else uri

    def url(self, uri: str, root: str = RESULTS_URL) -> str | None:
        """Where the web server has a file: a link within Dagster's page; None if it is elsewhere.

        >>> OutputLayout("/run 7").url("/run 7/multiqc/multiqc_report.html")
        '/results/multiqc/multiqc_report.html'
        """
        return f"{root}/{quote(self.relative(uri))}" if self.contains(uri) else None

    def absolute(self, recorded: str) -> str:
        """The address of what was recorded by `relative`."""
        return recorded if recorded.startswith("/") or "://" in recorded else f"{self.output_path}/{recorded}"


def _resolve(recorded: str, info: ValidationInfo) -> str:
    return info.context.absolute(recorded) if isinstance(info.context, OutputLayout) else recorded


def _relativize(uri: str, info: SerializationInfo) -> str:
    return info.context.relative(uri) if isinstance(info.context, OutputLayout) else uri


RecordedUri = Annotated[str, AfterValidator(_resolve), PlainSerializer(_relativize)]
"""An address that is absolute in memory and relative to the output path in JSON.

The layout is passed as pydantic's `context`, when a model is read and when it is written; without one, addresses stay
as they are.
"""
