"""Whether Batch retries a job: attempts and evaluateOnExit.

Sources: the Batch User Guide, "Automated job retries", and the API reference, EvaluateOnExit. All conditions of a rule
must match, a pattern may end in `*`, the first rule that matches decides, and if none matches the job is retried. The
last rule in the User Guide, EXIT `onReason: *`, stands for every other result, so that `*` also matches a missing
reason.
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
class AttemptResult:
    """The result of an attempt, as in DescribeJobs.

    Attributes:
        status_reason: Batch's reason.
        reason: The container agent's reason, if there is one.
        exit_code: Exit code of the first process; None if it is unknown.
        is_final: Whether it is never retried: jobs that were terminated or timed out.
    """

    status_reason: str
    reason: str | None = None
    exit_code: int | None = None
    is_final: bool = False

    @property
    def is_success(self) -> bool:
        return self.exit_code == 0 and self.reason is None and not self.is_final


def is_retried(strategy: Mapping[str, Any], attempt: int, result: AttemptResult) -> bool:
    """Whether attempt number `attempt`, from 1, is followed by another one."""
    if result.is_success or result.is_final or attempt >= strategy.get("attempts", 1):
        return False
    for rule in strategy.get("evaluateOnExit", []):
        if _matches(rule, result):
            return bool(rule["action"].upper() == "RETRY")
    return True


def check(strategy: Mapping[str, Any]) -> None:
    """Reject what RegisterJobDefinition and SubmitJob reject."""
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
            value = rule.get(condition)
            if value is not None and (len(value) > 512 or not re.fullmatch(pattern, value)):
                raise ApiError(f"{condition} does not accept {value!r}")


def _matches(rule: Mapping[str, Any], result: AttemptResult) -> bool:
    values = {
        "onStatusReason": result.status_reason,
        "onReason": result.reason or "",
        "onExitCode": "" if result.exit_code is None else str(result.exit_code),
    }
    return all(_matches_pattern(rule[name], text) for name, text in values.items() if rule.get(name) is not None)


def _matches_pattern(pattern: str, text: str) -> bool:
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
