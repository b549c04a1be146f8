"""A lock that holds for all hosts that use a bucket: an object whose holder renews it, until it is released.

No clocks are compared. Whoever waits takes the lock if its object has not changed for the length of a lease, by the
waiter's own clock: its holder has died, or has lost the network.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from bioinfo_assets.errors import BioinfoAssetsError, ResourceError
from bioinfo_assets.storage import conditional
from bioinfo_assets.storage.clock import seconds_since_boot

LEASE_S: Final = 60.0
"""Seconds after which a lock that is not renewed is free."""

POLL_INTERVAL_S: Final = 1.0
"""Seconds between two looks at a lock that another holds, and between two attempts to renew one."""

_RENEWALS_PER_LEASE: Final = 4
_RELEASED: Final = b"released\n"


class HeldLock:
    """A lock while it is held; a thread renews it.

    Args:
        uri: Its object.
        token: Names the holder.
        etag: Of the object as the holder wrote it.
        lease_s: Seconds after which a lock that is not renewed is free.
        written_at: When the holder began to write it: whoever waits may have seen it from that moment on.
    """

    def __init__(self, uri: str, token: str, etag: str, lease_s: float, written_at: float) -> None:
        self._uri = uri
        self._token = token
        self._etag = etag
        self._lease_s = lease_s
        self._renewed_at = written_at
        self._renewals = 0
        self._is_lost = False
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_released, name=f"lock {uri}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Check that the lock is still held; call it before what nobody else may do at the same time.

        Raises:
            ResourceError: it was not renewed in time, so that another may hold it.
        """
        if self._is_lost or seconds_since_boot() - self._renewed_at > self._lease_s:
            raise ResourceError(f"the lock {self._uri} was lost because S3 could not be reached in time: run it again")

    def release(self) -> None:
        """Free the lock, if it is still held."""
        self._released.set()
        self._thread.join()
        if not self._is_lost:
            with suppress(BioinfoAssetsError):  # what was done under it is done; the lease ends by itself
                conditional.write(self._uri, _RELEASED, self._etag)

    def _renew_until_released(self) -> None:
        pause_s = self._lease_s / _RENEWALS_PER_LEASE
        while not self._released.wait(pause_s):
            pause_s = self._lease_s / _RENEWALS_PER_LEASE
            written_at = seconds_since_boot()
            try:
                etag = conditional.write(self._uri, _content(self._token, self._renewals + 1), self._etag)
            except BioinfoAssetsError:
                pause_s = min(pause_s, POLL_INTERVAL_S)  # try again soon; `check` notices if it takes too long
                continue
            if etag is None:
                self._is_lost = True
                return
            self._etag, self._renewed_at = etag, written_at
            self._renewals += 1


@contextmanager
def object_lock(uri: str, lease_s: float = LEASE_S) -> Iterator[HeldLock]:
    """Hold a lock; wait while another process, on any host, holds it.

    Raises:
        InputError: its object cannot be read or written.
    """
    held = _acquire(uri, lease_s)
    try:
        yield held
    finally:
        held.release()


def _acquire(uri: str, lease_s: float) -> HeldLock:
    token = secrets.token_hex(16)
    seen, seen_at = "", 0.0
    while True:
        current = conditional.read(uri)
        if current is not None and current.etag != seen:
            seen, seen_at = current.etag, seconds_since_boot()
        is_free = current is None or current.data == _RELEASED or seconds_since_boot() - seen_at > lease_s
        if is_free:
            written_at = seconds_since_boot()
            etag = conditional.write(uri, _content(token, 0), None if current is None else current.etag)
            if etag is not None:
                return HeldLock(uri, token, etag, lease_s, written_at)
        else:
            time.sleep(min(POLL_INTERVAL_S, lease_s / 10))


def _content(token: str, renewals: int) -> bytes:
    """The content of a held lock; it differs at each renewal, and so does the ETag."""
    return f"held by {token}, renewed {renewals} times\n".encode()
