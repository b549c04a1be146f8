"""Jobs that are not built: of assets that the settings do not ask for, and of samples that failed a blocking check."""

from collections.abc import Iterator

from bioinfo_assets.errors import InputError
from bioinfo_assets.launch.job import Job
from bioinfo_assets.pipeline.assessments import Outcome
from bioinfo_assets.pipeline.asset_spec import AssetSpec
from bioinfo_assets.pipeline.jobs import Upstream
from bioinfo_assets.pipeline.quality import QUALITY_CHECKS, Finding, assess_record


def build_job(spec: AssetSpec, upstream: Upstream, scope: str) -> Job:
    """Build the job of a result, if the settings ask for it and its sample has failed no blocking check upstream.

    Raises:
        InputError: they do not, the sample is blocked, or a file or a setting is wrong.
    """
    if not spec.enabled(upstream.project.settings):
        raise InputError(f"{spec.how_to_enable}, or leave out {spec.name}")
    check_not_blocked(spec, upstream, scope)
    return spec.build(upstream, scope)


def check_not_blocked(spec: AssetSpec, upstream: Upstream, scope: str) -> None:
    """Check that a sample has not failed a blocking check of a result that another one is computed from.

    Raises:
        InputError: it has, and nobody has accepted it.
        BioinfoAssetsError: the check cannot read what it needs.
    """
    for finding in _blocking_findings(spec, upstream, scope):
        raise InputError(
            f"{scope} is stopped by the check {finding.check} ({finding.message}): correct it, or accept it with "
            f"`bioinfo-assets qc --accept {finding.check} --samples {scope} --reason TEXT`"
        )


def _blocking_findings(spec: AssetSpec, upstream: Upstream, scope: str) -> Iterator[Finding]:
    blocking = upstream.project.settings.quality.blocking
    if not blocking or spec.scope is not None:
        return
    for check in (QUALITY_CHECKS[name] for name in blocking):
        if check.asset in spec.upstream and scope in upstream.records[check.asset].records:
            record = upstream.records[check.asset].of(scope)
            if not record.fingerprint:
                continue  # provisional: checked when its job has run
            finding = assess_record(upstream.project, check, scope, record)
            if finding.outcome is Outcome.FAIL:
                yield finding
