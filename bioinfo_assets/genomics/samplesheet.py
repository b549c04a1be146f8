"""Which FASTQs belong to which sample: a list of folders, or a samplesheet in the format of nf-core/sarek.

Both are parsed into the same rows, one for each pair of files.
"""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bioinfo_assets.errors import InputError
from bioinfo_assets.genomics.fastq_name import FastqName, is_fastq, is_index_or_undetermined, parse_fastq_name
from bioinfo_assets.genomics.sample import check_sample_name
from bioinfo_assets.genomics.sex_chromosomes import Sex
from bioinfo_assets.genomics.uri import folder_of, resolve_uri

_REQUIRED_COLUMNS: Final = ("sample", "fastq_1", "fastq_2")
_UNSUPPORTED_INPUTS: Final = ("bam", "cram", "spring_1", "spring_2", "vcf")
_COLUMN: Final = re.compile(r"(patient|sample|fastq|read|bam|cram|spring)[a-z0-9 _-]*")
_DELIMITERS: Final = "\t;,"
_SEXES: Final[Mapping[str, Sex | None]] = {
    "xx": "XX", "f": "XX", "female": "XX", "xy": "XY", "m": "XY", "male": "XY", "": None, "na": None, "unknown": None
}  # fmt: skip
_FLOWCELL_AND_LANE: Final = re.compile(r"(?P<flowcell>(?!lanes?_)[a-z0-9-]*[a-z0-9])_L?\d+", re.IGNORECASE)
"""A label such as `V350012345_L01`, as the files of DNBSEQ machines are named; `lane_1` has no flow cell."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A pair of FASTQs.

    Attributes:
        sample: The sample's name.
        read1: The file of first reads: a path or URI.
        read2: The file of second reads.
        library: The library, or None for the sample's only one.
        lane: The samplesheet's label of the lane, such as `lane_1`, `L001` or `1`, or None.
        flowcell: The samplesheet's flow cell, or None; it is used where neither read names nor file names have one.
        sex: The samplesheet's sex of the sample, or None.
        patient: The samplesheet's patient, or None.
    """

    sample: str
    read1: str
    read2: str
    library: str | None = None
    lane: str | None = None
    flowcell: str | None = None
    sex: Sex | None = None
    patient: str | None = None


def is_samplesheet(text: str) -> bool:
    r"""Whether a text is a samplesheet, by its first line; otherwise it is a list of folders.

    >>> is_samplesheet("patient,sample,lane,fastq_1,fastq_2\n")
    True
    >>> is_samplesheet("# my run\ns3://bucket/samples/expt/\n")
    False
    """
    columns = _parse_table(text, "the samplesheet")[0]
    return len(columns) > 1 and any(map(_COLUMN.fullmatch, columns))


def parse_samplesheet(text: str, source: str) -> tuple[SheetRow, ...]:
    """Parse a samplesheet: columns sample, fastq_1, fastq_2, and the optional lane, flowcell, library, sex, patient.

    It is separated by commas, semicolons or tabs. Blank lines and lines that begin with `#` are ignored. Relative paths
    are relative to the sheet's folder. Other columns are ignored, but one sample name under two patients is an error,
    because these are two samples for sarek and one here.

    Args:
        text: The sheet.
        source: Its path or URI.

    Raises:
        InputError: A column is missing or repeated; a row has no second FASTQ, or has other inputs than FASTQs; a
            sample name or a sex is not valid, or a sample has two sexes.
    """
    columns, lines = _parse_table(text, source)
    _check_header(columns, source)
    rows: list[SheetRow] = []
    patients: dict[str, str] = {}
    sexes: dict[str, Sex | None] = {}
    for number, fields in lines:
        where = f"line {number} of {source}"
        if any(fields[len(columns) :]):
            raise InputError(
                f"{where} has {len(fields)} fields under {len(columns)} columns: quote fields that hold a separator"
            )
        values = dict(zip(columns, fields, strict=False))
        rows.append(_row(values, where, source))
        _check_patient(patients, values, where)
        _check_sex(sexes, rows[-1], where)
    if not rows:
        raise InputError(f"{source} lists no FASTQs: add a line for each pair of files")
    return tuple(rows)


def parse_folder_list(text: str, source: str) -> tuple[str, ...]:
    r"""Parse a list of folders of FASTQs, one a line; blank lines and lines that begin with `#` are ignored.

    Relative paths are relative to the list's folder.

    Raises:
        InputError: No folder is listed, or one is listed twice.

    >>> parse_folder_list("# two runs\nrun1/expt\ns3://bucket/run2/expt/\n", "/data/samples.txt")
    ('/data/run1/expt', 's3://bucket/run2/expt')
    """
    entries = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    folders = tuple(resolve_uri(source, entry) for entry in entries if entry and not entry.startswith("#"))
    if not folders:
        raise InputError(f"{source} lists no folder: write the path of a folder of FASTQs on a line")
    folder, count = Counter(folders).most_common(1)[0]
    if count > 1:
        raise InputError(f"{source} lists {folder} twice: list each folder once")
    return folders


def pair_up(uris: Iterable[str]) -> tuple[SheetRow, ...]:
    """Pair FASTQs by their names, in the order of sample, flow cell, lane and address.

    The two files of a pair are in the same folder. A sample may be in several folders. Other files are ignored, and so
    are index reads and `Undetermined` reads of bcl2fastq.

    Raises:
        InputError: A file has no mate, has no lane and read in its name, or is the second part of a lane.

    >>> [row] = pair_up(["/reads/expt_FC1_L4_2.fastq.gz", "/reads/expt_FC1_L4_1.fastq.gz", "/reads/md5.txt"])
    >>> row.sample, row.read1
    ('expt', '/reads/expt_FC1_L4_1.fastq.gz')
    """
    pairs: dict[tuple[str, str], dict[int, tuple[str, FastqName]]] = defaultdict(dict)
    for uri in sorted(set(uris)):
        if is_fastq(uri) and not is_index_or_undetermined(uri):
            name = parse_fastq_name(uri)
            if name.part > 1:
                raise InputError(
                    f"{uri} is part {name.part} of a lane: join its parts with `cat` to one file for each read, ending "
                    "in _001.fastq.gz"
                )
            pairs[folder_of(uri), name.pair_pattern][name.read] = (uri, name)
    rows = [_pair(files) for files in pairs.values()]
    return tuple(row for _, row in sorted(rows, key=lambda keyed_row: keyed_row[0]))


def _parse_table(text: str, source: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return a sheet's column names in lower case, and the line numbers and fields of its rows."""
    text = re.sub(r"\A\s*sep=.[^\S\n]*$", "", text.removeprefix("\ufeff"), flags=re.MULTILINE)  # for spreadsheets
    text = re.sub(r"^[ \t]*#[^\r\n]*", "", text, flags=re.MULTILINE)  # the line stays, so that lines keep their numbers
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    stripped = ((reader.line_num, [field.strip() for field in fields]) for fields in reader)
    try:
        lines = [(number, fields) for number, fields in stripped if any(fields)]
    except csv.Error as error:
        raise InputError(f"{source} is not a valid table ({error}): save it as CSV") from error
    if not lines:
        return [], []
    return [column.lower() for column in lines[0][1]], lines[1:]


def _check_header(columns: list[str], source: str) -> None:
    repeated, count = Counter(filter(None, columns)).most_common(1)[0] if any(columns) else ("", 0)
    if count > 1:
        raise InputError(f"{source} has two columns {repeated!r}: remove or rename one")
    missing = [column for column in _REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise InputError(
            f"{source} has no column {', '.join(missing)}: a samplesheet needs the columns "
            f"{', '.join(_REQUIRED_COLUMNS)}, and this one has {', '.join(filter(None, columns))}"
        )


def _row(values: Mapping[str, str], where: str, source: str) -> SheetRow:
    other = next((column for column in _UNSUPPORTED_INPUTS if values.get(column)), None)
    if other and not values.get("fastq_1"):
        raise InputError(f"{where} starts from {other}: give its reads as FASTQs in fastq_1 and fastq_2")
    for column in _REQUIRED_COLUMNS[:2]:
        if not values.get(column):
            raise InputError(f"{where} has no {column}: fill it in")
    if not values.get("fastq_2"):
        raise InputError(
            f"{where} has no fastq_2: only paired reads can be processed, give {values['fastq_1']} its mate"
        )
    labelled = _FLOWCELL_AND_LANE.fullmatch(values.get("lane", ""))
    return SheetRow(
        sample=check_sample_name(values["sample"], source=where),
        read1=resolve_uri(source, values["fastq_1"]),
        read2=resolve_uri(source, values["fastq_2"]),
        library=values.get("library") or None,
        lane=values.get("lane") or None,
        flowcell=values.get("flowcell") or (labelled["flowcell"] if labelled else None),
        sex=_parse_sex(values.get("sex", ""), where),
        patient=values.get("patient") or None,
    )


def _check_patient(patients: dict[str, str], values: Mapping[str, str], where: str) -> None:
    sample, patient = values["sample"], values.get("patient", "")
    if patients.setdefault(sample, patient) != patient:
        raise InputError(
            f"{where} has sample {sample} for patient {patient}, and another row has it for {patients[sample]}: "
            "give the samples of each patient unique names"
        )


def _parse_sex(text: str, where: str) -> Sex | None:
    """Parse a sex; None if it is not given.

    Raises:
        InputError: it is another word.
    """
    try:
        return _SEXES[text.lower()]
    except KeyError:
        raise InputError(f"{where} has the sex {text!r}: write XX, XY or NA") from None


def _check_sex(sexes: dict[str, Sex | None], row: SheetRow, where: str) -> None:
    sex = sexes.setdefault(row.sample, row.sex)
    if sex != row.sex:
        raise InputError(
            f"{where} has sample {row.sample} with the sex {row.sex or 'NA'}, and another row has it with "
            f"{sex or 'NA'}: correct one of them"
        )


def _pair(files: Mapping[int, tuple[str, FastqName]]) -> tuple[tuple[str, str, int, str], SheetRow]:
    uri, name = next(iter(files.values()))
    if len(files) < 2:
        mate = 3 - name.read
        raise InputError(
            f"{uri} has no read {mate} in its folder: add {folder_of(uri)}/"
            f"{name.pair_pattern.replace('*', str(mate))}, or remove the lane"
        )
    (read1, _), (read2, _) = files[1], files[2]
    row = SheetRow(name.sample, read1, read2, lane=None if name.lane is None else str(name.lane))
    return (name.sample, name.flowcell or "", name.lane or 0, uri), row
