"""The parsers of what other people wrote, each as a function of bytes that raises nothing for any input.

An error of this project is an answer: one sentence for a user. Any other exception is a defect.
"""

import atexit
import gzip
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from bioinfo_assets import settings
from bioinfo_assets.errors import BioinfoAssetsError, InputError
from bioinfo_assets.genomics.bam_header import EOF_BLOCK, contig_difference, parse_bam_header, parse_read_group
from bioinfo_assets.genomics.fastq import check_pair, lane_of
from bioinfo_assets.genomics.fastq_head import read_group_ids, read_head
from bioinfo_assets.genomics.fastq_name import is_fastq, is_index_or_undetermined, parse_fastq_name
from bioinfo_assets.genomics.known_sites import check_known_sites, contigs_of_vcf
from bioinfo_assets.genomics.read_name import parse_read_name
from bioinfo_assets.genomics.reference import Contig, contigs_of_fasta, fasta_name, parse_fai
from bioinfo_assets.genomics.samplesheet import is_samplesheet, pair_up, parse_folder_list, parse_samplesheet
from bioinfo_assets.genomics.uri import file_name, folder_of, resolve_uri
from bioinfo_assets.layout import OutputLayout
from bioinfo_assets.orchestration.launcher import TAG, options_from_tags
from bioinfo_assets.pipeline import result_metrics
from bioinfo_assets.records.ledger import Ledger
from bioinfo_assets.records.record import Record
from bioinfo_assets.records.samples import load_sample, past_samples
from bioinfo_assets.result_key import ResultKey
from bioinfo_assets.storage.store import Store, local_path


def folder_of_process(pid: int) -> Path:
    """Where the parsers of a process find their files: two of them may run at the same time."""
    return Path(tempfile.gettempdir()).resolve() / f"bioinfo-assets-fuzzing.{pid}"


FOLDER: Final = folder_of_process(os.getpid())
"""Where parsers of files find their input; nothing else is written."""

atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

_CONTIGS: Final = (Contig("chr1", 1000), Contig("chr22", 50818468, "221733a2a15e2de66d33e73d126c5109"))
_KEY: Final = ResultKey("depth", "expt")


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser and inputs that it accepts.

    Attributes:
        parse: The parser: it may raise errors of this project only.
        seeds: Inputs from which others are made.
        words: Pieces of its format.
    """

    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()

    @property
    def beyond_limits(self) -> tuple[bytes, ...]:
        """The seeds with one of their numbers beyond what Python converts, or with as many brackets in its place."""
        return tuple(
            seed[: number.start()] + piece + seed[number.end() :]
            for seed in self.seeds
            for number in re.finditer(rb"\d+", seed)
            for piece in (b"9" * 5000, b"[" * 3000)  # sys.get_int_max_str_digits, sys.getrecursionlimit
        )

    def __call__(self, data: bytes) -> None:
        """Parse an input; errors of this project are as good as results."""
        with suppress(BioinfoAssetsError):
            self.parse(data)


def _decode(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _first_accepted(*forms: Callable[[], object]) -> None:
    """Try all forms that an input may have; raises the error of the last one if none is accepted."""
    errors: list[InputError] = []
    for parse in forms:
        try:
            parse()
        except InputError as error:
            errors.append(error)
    if len(errors) == len(forms):
        raise errors[-1]


def _file(name: str, data: bytes) -> Path:
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _samplesheet(data: bytes) -> None:
    text = _decode(data)
    if not is_samplesheet(text):
        for folder in parse_folder_list(text, "/data/samples.txt"):
            local_path(folder)
        return
    for row in parse_samplesheet(text, "s3://bucket/sheet.csv"):
        for uri in (row.read1, row.read2):
            local_path(uri)
        OutputLayout("/out").sample(row.sample, "bam")


def _fastq_names(data: bytes) -> None:
    names = _decode(data).split("\n")
    for name in names:
        _ = (is_fastq(name), is_index_or_undetermined(name))
    _first_accepted(
        lambda: [parse_fastq_name(name) for name in names], lambda: pair_up(f"/reads/{name}" for name in names)
    )


def _fastq_records(data: bytes) -> None:
    parse_read_name(_decode(data))
    compressed = gzip.compress(data, 1)
    _first_accepted(*(partial(_fastq, data, content) for content in (data, compressed[:-9], compressed)))


def _fastq(data: bytes, compressed: bytes) -> None:
    head = read_head("/reads/expt_FC1_L4_1.fastq.gz", compressed, complete=True)
    read_group_ids(compressed, records=3)
    with suppress(InputError):
        check_pair(head, head)
    with suppress(InputError):
        lane_of(head, head, library="lib1", lane=_decode(data[:9]))


def _fasta(data: bytes) -> None:
    _first_accepted(
        lambda: contigs_of_fasta(_file("genome.fa", data)),
        lambda: contigs_of_fasta(_file("genome.fa", gzip.compress(data, 1))),
        lambda: parse_fai(_decode(data)),
        lambda: fasta_name(_decode(data)),
    )


def _vcf(data: bytes) -> None:
    contents = [(content, complete) for content in (data, _bgzf(data)) for complete in (False, True)]
    _first_accepted(*(partial(_sites, content, complete=complete) for content, complete in contents))


def _sites(content: bytes, *, complete: bool) -> None:
    contigs = contigs_of_vcf("/data/sites.vcf.gz", content, complete=complete)
    if contigs is not None:
        check_known_sites("/data/sites.vcf.gz", contigs, _CONTIGS)


def _bam(data: bytes) -> None:
    contents = [(content, end) for content in (data, _bgzf(data), _bgzf(_bam_of(data))) for end in (False, True)]
    headers = (partial(_header, content, complete=complete) for content, complete in contents)
    _first_accepted(*headers, lambda: parse_read_group(_decode(data)))


def _header(content: bytes, *, complete: bool) -> None:
    header = parse_bam_header("/data/x.bam", content, complete=complete)
    if header is not None:
        contig_difference(header.contigs, _CONTIGS)
        _ = (header.has_scattered_reads, header.sort_order, header.samples, header.read_groups)


def _bgzf(data: bytes) -> bytes:
    """One block: its compressed size is not checked by the readers of first bytes."""
    compressed = gzip.compress(data, 1, mtime=0)
    extra = b"\x06\x00BC\x02\x00\xff\xff"
    return compressed[:3] + b"\x04" + compressed[4:10] + extra + compressed[10:] + EOF_BLOCK


def _bam_of(text: bytes) -> bytes:
    return b"BAM\x01" + len(text).to_bytes(4, "little") + text + bytes(4)


def _picard(data: bytes) -> None:
    record, store = _tables(metrics=data), Store()
    _first_accepted(
        lambda: result_metrics.alignment_metrics(store, record),
        lambda: result_metrics.insert_size_metrics(store, record),
    )


def _reports(data: bytes) -> None:
    store = Store()
    _first_accepted(
        lambda: result_metrics.trimming_metrics(store, _tables(json=data)),
        lambda: result_metrics.depth_metrics(store, _tables(summary=data, distribution=_DISTRIBUTION)),
        lambda: result_metrics.depth_metrics(store, _tables(summary=_SUMMARY, distribution=data)),
    )


def _tables(**contents: bytes) -> Record:
    """The record of a result with these files, by their keys."""
    record = Record.model_validate_json(_RECORD, context=OutputLayout(str(FOLDER)))
    files = (
        replace(record.outputs[0], key=key, uri=str(_file(f"{key}.txt", content))) for key, content in contents.items()
    )
    return record.model_copy(update={"outputs": tuple(files), "facts": {"genome_length": "1000"}})


def _records(data: bytes) -> None:
    ledger = Ledger(Store(), str(FOLDER / "project"))
    uri = str(_file("project/expt/records/depth.json", data))
    _first_accepted(
        lambda: _check(ledger, ledger.read(_KEY)),
        lambda: ledger.read_observation(_KEY),
        lambda: ledger.read_any(uri),
    )


def _check(ledger: Ledger, record: Record | None) -> None:
    assert record is not None
    ledger.check_files(record)
    _ = (record.data_version, record.released, record.files)


def _samples(data: bytes) -> None:
    ledger = Ledger(Store(), str(FOLDER / "project"))
    _file("project/records/samples/expt.json", data)
    _file("project/records/samples/history/expt.20261126T000000000000Z.json", data)
    _first_accepted(lambda: load_sample(ledger, "expt"), lambda: past_samples(ledger))


def _settings(data: bytes) -> None:
    home = _file(f"project/.dagster/{settings.FILE_NAME}", data).parent
    settings.output_path_of(home)
    settings.load(home, output_path=str(FOLDER / "project"))


def _addresses(data: bytes) -> None:
    text = _decode(data)
    _ = (file_name(text), folder_of(text))
    _first_accepted(*(partial(_find, source, text) for source in ("/data/samples.txt", "s3://bucket/x.csv", text)))


def _find(source: str, text: str) -> None:
    target = resolve_uri(source, text)
    if local_path(target) is not None:
        Store().find(target)


def _run_tags(data: bytes) -> None:
    options_from_tags({TAG: _decode(data)})


_VCF: Final = (
    b'##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000,assembly="a,b">\n##contig=<ID=chr22>\n'
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)
_SAM: Final = (
    b"@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:chr1\tLN:1000\tM5:221733a2a15e2de66d33e73d126c5109\n"
    b"@RG\tID:FC1.4\tSM:expt\tLB:lib1\tPL:ILLUMINA\tPU:FC1.4\n@CO\tx\n"
)
_RECORD: Final = (
    b'{"format":2,"asset":"depth","scope":"expt","version":"1","fingerprint":"00","script":"true","parameters":{"a":1},'
    b'"inputs":[{"local":"a","uri":"expt/a.bam","size":1,"content":null}],"outputs":[{"key":"d","uri":"expt/d.txt",'
    b'"size":1,"sha256":"aa","content":"sha256:bb","stamp":"1","released":null}],"tools":{"samtools":"1.16"},'
    b'"backend":"local","job_id":"1","host":"h","user":"u","software":"0.1","started":"2026-11-26T00:00:00Z",'
    b'"finished":"2026-11-26T00:00:01Z","wall_s":1.0,"cpu_s":null,"peak_memory_mib":1.5,"facts":{},"warnings":[]}'
)
_OBSERVATION: Final = (
    b'{"format":2,"asset":"raw_reads","scope":"expt","files":[],"notes":{"a":"b"},"observed":"2026-11-26T00:00:00Z"}'
)
_LANE: Final = b'{"flowcell":"FC1","number":4,"read1":"/r/a_1.fastq.gz","read2":"/r/a_2.fastq.gz","library":"l"}'
_SUMMARY: Final = b"chrom\tlength\tbases\tmean\tmin\tmax\ntotal\t1000\t4000\t4.00\t2\t85\n"
_DISTRIBUTION: Final = b"total\t2\t0.25\ntotal\t0\t1.00\n"
_PICARD: Final = tuple(path.read_bytes() for path in sorted((Path(__file__).parent / "picard").glob("*.txt")))
"""Tables of Picard 3.4."""

_NAMES: Final = (
    b"expt_FC1_L4_1.fastq.gz\nexpt_FC1_L4_2.fastq.gz",
    b"expt_S1_L002_R2_001.fastq.gz\nUndetermined_S0_L001_R1_001.fq.gz",
)

AWKWARD: Final = (
    *(b"", b"\0", b"\xff\xfe", b"\r", b"../" * 9, b"$(touch /tmp/x)"),
    *(b"9" * 5000, b"[" * 3000, "é²٣".encode()),
)
"""What breaks parsers of any format: numbers and brackets beyond Python's limits, and digits that are not ASCII."""

PARSERS: Final[Mapping[str, Parser]] = {
    "samplesheet": Parser(
        _samplesheet,
        (
            b"patient,sample,lane,fastq_1,fastq_2\np,expt,lane_1,a_1.fastq.gz,a_2.fastq.gz\n",
            b"sep=;\nsample;fastq_1;fastq_2;library\nexpt;/r/a_1.fq.gz;s3://b/a_2.fq.gz;l\n",
            b"# runs\n/data/run1\ns3://bucket/run2\n",
        ),
        (b"sample", b"fastq_1", b"lane", b"flowcell", b"sex", b"bam", b'"', b"\t", b";", b"\xef\xbb\xbf", b"../"),
    ),
    "fastq_names": Parser(
        _fastq_names, _NAMES, (b"_S1", b"_L001", b"_R1", b"_I1", b"_001", b".fastq.gz", b".fq", b"\n")
    ),
    "fastq_records": Parser(
        _fastq_records,
        (
            b"@A00:12:HK3T5CCXX:3:1101:2000:1000 1:N:0:ACGT+TTGA\nACGT\n+\nIIII\n",
            b"@HK3T5:3:1123:21318:57126#AC/1\nAC.T\n+x\n!!!!\n@SRR1.2 RG:Z:x\nA\n+\n~\n",
            b"@V350012345L1C001R0010000001/2\nNNNN\n+\nIIII\n",
        ),
        (b"@", b"\n+\n", b":1:", b"/2", b"\r\n", b" 1:N:0:", b"\x1f\x8b\x08"),
    ),
    "fasta": Parser(
        _fasta,
        (b">chr1 x\nACGT\nNN\n>chr2\nA\n", b"chrM\t16569\t6\t60\t61\n", b"GRCh38.p14.fasta.gz"),
        (b">", b"\n>", b"\t", b".fa", b"\r\n"),
    ),
    "vcf": Parser(_vcf, (_VCF,), (b"##contig=<", b"ID=", b"length=", b'"', b"\\", b">\n", b"#CHROM", b"VCFv4.3")),
    "bam": Parser(
        _bam,
        (_SAM, b"BAM\x01\x04\0\0\0@CO\t\x01\0\0\0\x05\0\0\0chr1\0\xe8\x03\0\0", _bgzf(_bam_of(_SAM))),
        (b"@SQ\t", b"SN:", b"LN:", b"M5:", b"@RG\t", b"\\t", b"BAM\x01", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff"),
    ),
    "picard": Parser(
        _picard,
        _PICARD,
        (b"## METRICS CLASS\t", b"## HISTOGRAM\t", b"NaN", b"?", b"\t", b"\n\n", b"AlignmentSummaryMetrics"),
    ),
    "reports": Parser(
        _reports,
        (
            b'{"read_counts": {"input": 4, "output": 3}, "basepair_counts": {"input": 800, "output": 590}}',
            _SUMMARY,
            _DISTRIBUTION,
        ),
        (b"total\t", b"NaN", b'"input":', b"null", b"[", b"{", b"1e999"),
    ),
    "records": Parser(
        _records,
        (_RECORD, _OBSERVATION),
        (b'"uri":"../', b"null", b"[", b"{", b"1e999", b"\\ud800", b"\\u0000"),
    ),
    "samples": Parser(
        _samples,
        (
            b'{"name":"expt","lanes":[' + _LANE + b"]}",
            b'{"format":1,"end":"renamed","new_name":"x","at":"2026-11-26T00:00:00Z","by":"u","sample":{"name":"expt",'
            b'"lanes":[' + _LANE + b"]}}",
        ),
        (b"null", b"[", b"{", b"\\ud800", b"\\u0000", b"../"),
    ),
    "settings": Parser(
        _settings,
        (
            b'aligner = "bwa"\nknown_sites = ["a.vcf.gz"]\nquantized_quals = [10, 20]\n[trimming]\nmax_n = 0.1\n',
            b'cache = "s3://b/c"\n[jobs]\nqueue = "q"\n[steps.depth]\nvcpus = 1\n[batch]\npoll_interval_s = 1\n',
            b'reference = "/r/x.fa"\nengine = "gatk"\n[retention]\nmerged_reads = 3\n[quality]\n',
        ),
        (b"[steps.", b"]]", b"[[", b'"""', b"= [", b"{", b"inf", b"\\u0000", b"1e999"),
    ),
    "addresses": Parser(
        _addresses,
        (b"s3://bucket/run7/a.fastq.gz", b"https://host1.invalid:443/a%20b.fa?x=1#y", b"../../etc/passwd", b"file:///tmp/x"),
        (b"://", b"%00", b"\0", b"[", b"]", b"@", b"..", b"//", b"?", b"#"),
    ),
    "run_tags": Parser(
        _run_tags,
        (b'{"queue": "spot", "memory_mib": 4096}', b'{"environment": {"A": "b"}, "retries": 2, "timeout_s": 90}'),
        (b"null", b"[", b"{", b"1e999", b"\\ud800", b"-1"),
    ),
}  # fmt: skip
"""By name."""
