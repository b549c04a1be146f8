"""Dagster's compute logs of a step: Dagit shows there what its jobs print while they run."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import IO, Final, cast

from bioinfo_assets.launch.backend import Stream
from bioinfo_assets.orchestration.internals import (
    CapturedLogContext,
    CloudStorageComputeLogManager,
    ComputeIOType,
    ComputeLogManager,
    DagsterEvent,
    LocalComputeLogManager,
    StepExecutionContext,
    create_compute_log_file_key,
)

MAX_LOG_BYTES: Final = 1_000_000_000
"""Of a stream of a step, of all its jobs. Dagster keeps it in one file, and uploads the whole file again and again."""

_LOG_IS_FULL: Final = (
    "This log is full: what jobs print from here on is not kept. A failed job's last lines are in its event.\n"
)

_IO_TYPES = {Stream.STDOUT: ComputeIOType.STDOUT, Stream.STDERR: ComputeIOType.STDERR}


@dataclass(frozen=True, slots=True)
class StepLogs:
    """The two compute-log streams of a step, which all its jobs write to."""

    files: dict[Stream, IO[str]]
    lock: Lock = field(default_factory=Lock)

    def write(self, stream: Stream, text: bytes, label: str = "") -> None:
        """Append output of a job; each line begins with the label, which distinguishes the jobs of a step."""
        lines = text.decode(errors="replace").splitlines(keepends=True)
        prefix = f"[{label}] " if label else ""
        file = self.files[stream]
        with self.lock:
            if os.fstat(file.fileno()).st_size > MAX_LOG_BYTES:
                return
            file.writelines(prefix + line for line in lines)
            file.flush()
            if os.fstat(file.fileno()).st_size > MAX_LOG_BYTES:
                file.write(_LOG_IS_FULL)
                file.flush()


@contextmanager
def step_logs(step_context: StepExecutionContext) -> Iterator[tuple[StepLogs, DagsterEvent]]:
    """Open a step's compute logs; yields them with the event by which Dagit finds them."""
    manager = step_context.instance.compute_log_manager
    log_key = manager.build_log_key_for_run(step_context.run_id, str(create_compute_log_file_key()))  # type: ignore[no-untyped-call]
    with ExitStack() as stack:
        managers = (manager, manager)
        if isinstance(manager, CloudStorageComputeLogManager):
            # At the end of a stream it uploads both files and deletes them here: it may have one stream only.
            managers = (manager, manager.local_manager)
        opened = zip(_IO_TYPES.items(), managers, strict=True)
        files = {stream: _open(own, stack, log_key, io_type) for (stream, io_type), own in opened}
        if isinstance(manager, CloudStorageComputeLogManager):
            stack.enter_context(manager._poll_for_local_upload(log_key))  # noqa: SLF001 - uploads what there is meanwhile
        event = DagsterEvent.capture_logs(step_context, [step_context.step.key], log_key, CapturedLogContext(log_key))
        yield StepLogs(files), event
        # Both are closed before the first context ends: a cloud manager uploads both at that moment.
        for file in files.values():
            file.close()
    if isinstance(manager, LocalComputeLogManager):
        # By this file Dagit knows that the logs are complete, and stops polling.
        Path(str(manager.complete_artifact_path(log_key))).touch()  # type: ignore[no-untyped-call]


def _open(manager: ComputeLogManager, stack: ExitStack, log_key: Sequence[str], io_type: ComputeIOType) -> IO[str]:
    # Dagster annotates the stream as bytes and opens it as text; a manager that keeps no logs returns None.
    file = cast("IO[str] | None", stack.enter_context(manager.open_log_stream(log_key, io_type)))
    return stack.enter_context(Path(os.devnull).open("w", encoding="utf-8")) if file is None else file
