"""Whether Batch starts a job again: attempts and evaluateOnExit.

Sources: the Batch User Guide's "Automated job retries" and the API reference's EvaluateOnExit: every condition that a
rule gives must match, a pattern may end in `*`, the first rule that matches decides, and where none matches the job is
retried. The User Guide's own last rule, EXIT `onReason: *`, is meant for every other ending, so that `*` also matches a
reason that is not there.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bioinfo_assets_tests.simulator.errors import ApiError

MAX_ATTEMPTS = 10
MAX_RULES = 5
_CONDITIONS = {"onStatusReason": r"[A-Za-z0-9.:\s]*\*?", "onReason": r"[A-Za-z0-9.:\s]*\*?", "onExitCode": r"[0-9]*\*?"}


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, as DescribeJobs says it.

    Attributes:
        status_reason: Batch's own words.
        reason: The container agent's, where it has any.
        exit_code: Of the first process; None where nobody was there to see it.
        is_final: Whether Batch starts it no more, whatever the rules say: jobs that were ended by a user or a timeout.
    """

    status_reason: str
    reason: str | None = None
    exit_code: int | None = None
    is_final: bool = False

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0 and self.reason is None and not self.is_final


def is_retried(strategy: Mapping[str, Any], attempt: int, ending: Ending) -> bool:
    """Whether attempt number `attempt`, from 1, is followed by another one."""
    if ending.succeeded or ending.is_final or attempt >= strategy.get("attempts", 1):
        return False
    for rule in strategy.get("evaluateOnExit", []):
        if _matches(rule, ending):
            return bool(rule["action"].upper() == "RETRY")
    return True


def check(strategy: Mapping[str, Any]) -> None:
    """Refuses what RegisterJobDefinition and SubmitJob refuse."""
    rules: Sequence[Mapping[str, Any]] = strategy.get("evaluateOnExit", [])
    if rules and "attempts" not in strategy:
        raise ApiError("evaluateOnExit needs attempts")
    if not 1 <= strategy.get("attempts", 1) <= MAX_ATTEMPTS:
        raise ApiError("Retry attempts must be between 1 and 10")
    if len(rules) > MAX_RULES:
        raise ApiError("evaluateOnExit must have at most 5 rules")
    for rule in rules:
        if rule["action"].upper() not in {"RETRY", "EXIT"}:
            raise ApiError(f"action must be RETRY or EXIT, not {rule['action']}")
        for condition, pattern in _CONDITIONS.items():
            given = rule.get(condition)
            if given is not None and (len(given) > 512 or not re.fullmatch(pattern, given)):
                raise ApiError(f"{condition} does not take {given!r}")


def _matches(rule: Mapping[str, Any], ending: Ending) -> bool:
    said = {
        "onStatusReason": ending.status_reason,
        "onReason": ending.reason or "",
        "onExitCode": "" if ending.exit_code is None else str(ending.exit_code),
    }
    return all(_globs(rule[name], text) for name, text in said.items() if rule.get(name) is not None)


def _globs(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
