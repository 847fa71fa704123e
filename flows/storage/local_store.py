"""A folder as an object store.

A put writes to a temporary name in the object's own folder, syncs it and renames it over the old
object, so a kill at any instant leaves the old bytes or the new. Names starting with `.perpmill`
are temporaries and locks; they are no objects. Reading never writes: a read-only folder will do.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import shutil
import stat
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from filelock import FileLock

from flows.storage.object_store import (
    RESERVED,
    ObjectInfo,
    ObjectNotFound,
    PreconditionFailed,
    StoreUnavailable,
    check_key,
    check_prefix,
    check_range,
)

_logger = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FILES_TO_SYNC_ALL = 16
"""From how many files on it is cheaper to sync all that was written to their file system."""


class LocalStore:
    """The folder of a `file:` address; a relative one is resolved once, when it is opened.

    Two processes may use the same folder. Links below it are followed.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.root = _root(address)
        # Threads queue here, so that only processes poll for the lock file.
        self._threads = threading.Lock()
        self._settling = threading.Lock()
        self._loose: set[Path] = set()
        self._folders: set[Path] = set()

    def __repr__(self) -> str:
        return f"LocalStore({self.address!r})"

    def __getstate__(self) -> tuple[str, Path]:
        # With the resolved path: the worker that unpickles it may stand in another folder.
        return self.address, self.root

    def __setstate__(self, state: tuple[str, Path]) -> None:
        self.address, self.root = state
        self._threads = threading.Lock()
        self._settling = threading.Lock()
        self._loose, self._folders = set(), set()

    def url(self, key: str) -> str:
        return f"{self.address.rstrip('/')}/{check_key(key)}"

    def path(self, key: str) -> Path:
        """Where the object's file is, or would be."""
        return self.root / check_key(key)

    def check(self) -> None:
        try:
            with os.scandir(self.root):
                pass
        except OSError as error:
            raise self._unavailable("list", "", error) from error

    def get(self, key: str) -> bytes:
        with self._opened(key) as stream:
            return stream.read()

    def get_range(self, key: str, first: int, length: int) -> bytes:
        check_range(first, length)
        with self._opened(key) as stream:
            stream.seek(first)
            return stream.read(length)

    def get_file(self, key: str, path: Path) -> None:
        with self._opened(key) as stream:
            replace_file(path, lambda target: shutil.copyfileobj(stream, target, 1 << 20))

    def put(
        self,
        key: str,
        data: bytes,
        *,
        if_match: str | None = None,
        if_absent: bool = False,
        settled: bool = True,
    ) -> str:
        if if_match is not None and if_absent:
            raise ValueError("if_match and if_absent exclude each other")
        path = self.path(key)
        with self._writing(key):
            if not settled and if_match is None and not if_absent:
                return self._put_loose(path, data)
            if if_match is None and not if_absent:
                return replace_file(path, lambda target: target.write(data))
            make_folders(self.root)
            with (
                self._threads,
                FileLock(self.root / f"{RESERVED}-put.lock", poll_interval=0.005),
            ):
                present = self.head(key)
                if (present.etag if present else None) != if_match:
                    found = "exists" if present else "is absent"
                    raise PreconditionFailed(
                        f"{self.url(key)} {found}, which is not what was read before it was put"
                    )
                return replace_file(path, lambda target: target.write(data))

    def _put_loose(self, path: Path, data: bytes) -> str:
        if path.exists():  # unsettled bytes must not stand in for settled ones
            return replace_file(path, lambda target: target.write(data))
        folder = path.parent
        if folder not in self._folders:
            folder.mkdir(parents=True, exist_ok=True)
        try:
            etag = _replace(path, lambda target: target.write(data), synced=False)
        except FileNotFoundError:  # the folder is gone since it was made
            folder.mkdir(parents=True, exist_ok=True)
            etag = _replace(path, lambda target: target.write(data), synced=False)
        with self._threads:
            self._folders.add(folder)
            self._loose.add(path)
        return etag

    def settle(self) -> None:
        with self._settling:
            with self._threads:
                loose = set(self._loose)
            if loose:
                with self._writing(""):
                    self._sync(loose)
            # Not before: what could not be settled is still owed.
            with self._threads:
                self._loose -= loose

    def _sync(self, loose: set[Path]) -> None:
        if len(loose) >= _FILES_TO_SYNC_ALL:
            one_a_device = {
                path.parent.stat().st_dev: path.parent for path in loose if path.parent.exists()
            }
            if all(map(sync_file_system, one_a_device.values())):
                return
        for path in loose:
            with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
                os.fsync(stream.fileno())
        # New folders too, up to the root: which of them are new is not remembered.
        for folder in {above for path in loose for above in self._up_to_root(path)}:
            sync_folder(folder)

    def _up_to_root(self, path: Path) -> list[Path]:
        within = [above for above in path.parents if above.is_relative_to(self.root)]
        return [above for above in (*within, self.root.parent) if above.exists()]

    def put_file(self, key: str, path: Path) -> str:
        target_path = self.path(key)
        with path.open("rb") as stream, self._writing(key):
            return replace_file(
                target_path, lambda target: shutil.copyfileobj(stream, target, 1 << 20)
            )

    def head(self, key: str) -> ObjectInfo | None:
        try:
            status = os.stat(f"{self.root}/{check_key(key)}")  # noqa: PTH116 - see `_opened`
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unavailable("read", key, error) from error
        return _info(key, status) if stat.S_ISREG(status.st_mode) else None

    def entries(self, prefix: str = "") -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        folder, _, start = prefix.rpartition("/")
        top = self.root / folder if folder else self.root
        return self._walk(top, f"{folder}/" if folder else "", start, ())

    def folders(self, prefix: str) -> list[str]:
        check_prefix(prefix)
        below = f"{prefix.removesuffix('/')}/" if prefix else ""
        names = [
            entry.name
            for entry in self._listed(self.root / below)
            if entry.is_dir()
            and self._nameable(below + entry.name)
            # As on S3, a folder is there by what it holds.
            and next(self._walk(Path(entry.path), f"{below}{entry.name}/", "", ()), None)
        ]
        return sorted(names, key=lambda name: os.fsencode(name + "/"))

    def delete(self, key: str) -> None:
        path = self.path(key)
        try:
            path.unlink()
            sync_folder(path.parent)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        except OSError as error:
            if path.is_dir():  # macOS answers EPERM where Linux answers EISDIR
                return
            raise self._unavailable("delete", key, error) from error

    def _walk(
        self, folder: Path, below: str, start: str, above: tuple[tuple[int, int], ...]
    ) -> Iterator[ObjectInfo]:
        """Objects below `folder` (whose keys begin with `below`) with names starting as `start`.

        above: the folders on the way here, by device and inode, so that a link to one of them
        does not go round for ever.
        """
        try:
            status = folder.stat()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise self._unavailable("list", below, error) from error
        here = (status.st_dev, status.st_ino)
        if here in above:
            return
        found = [entry for entry in self._listed(folder) if entry.name.startswith(start)]
        # A folder sorts as its keys do, that is with the slash: `A-B`, `A/…`, `A_B`.
        named = [(entry.name + ("/" if entry.is_dir() else ""), entry) for entry in found]
        for name, entry in sorted(named, key=lambda pair: os.fsencode(pair[0])):
            if not self._nameable(below + entry.name):
                continue
            if entry.is_dir():
                yield from self._walk(Path(entry.path), below + name, "", (*above, here))
            elif entry.is_file():
                # Gone since it was listed, as an object deleted meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    yield _info(below + name, entry.stat())

    def _listed(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return [entry for entry in entries if not entry.name.startswith(RESERVED)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise self._unavailable("list", str(folder), error) from error

    def _nameable(self, key: str) -> bool:
        try:
            check_key(key)
        except ValueError as error:
            _logger.warning("%s: passed over: %s", self.address, error)
            return False
        return True

    def _opened(self, key: str) -> IO[bytes]:
        try:
            # As text, not as a path: this is asked for hundreds of thousands of small files.
            return open(f"{self.root}/{check_key(key)}", "rb")  # noqa: PTH123
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectNotFound(f"{self.url(key)}: no such object") from error
        except OSError as error:
            raise self._unavailable("read", key, error) from error

    @contextlib.contextmanager
    def _writing(self, key: str) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable:
            raise
        except OSError as error:
            raise self._unavailable("write", key, error) from error

    def _unavailable(self, verb: str, key: str, error: OSError) -> StoreUnavailable:
        where = f"{self.address.rstrip('/')}/{key}" if key else self.address
        return StoreUnavailable(f"{where}: cannot {verb}: {error.strerror or error}")


def replace_file(path: Path, write: Callable[[IO[bytes]], object]) -> str:
    """Put what `write` writes at `path`, whole or not at all, and return the file's etag.

    Missing folders are made. The bytes and the name are on disk when this returns.
    """
    make_folders(path.parent)
    etag = _replace(path, write, synced=True)
    sync_folder(path.parent)
    return etag


def _replace(path: Path, write: Callable[[IO[bytes]], object], *, synced: bool) -> str:
    temporary = f"{path.parent}/{RESERVED}-{uuid.uuid4().hex}"
    try:
        with open(temporary, "xb") as stream:  # noqa: PTH123 - as text: there are very many
            write(stream)
            stream.flush()
            # The kernel's own stamp moves in ticks of milliseconds, inside which an inode can be
            # freed and used again: two contents could then share an etag.
            now = time.time_ns()
            os.utime(stream.fileno(), ns=(now, now))
            if synced:
                os.fsync(stream.fileno())
            status = os.fstat(stream.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - likewise
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # noqa: PTH108 - likewise
        raise
    return _etag(status)


def make_folders(folder: Path) -> None:
    """Make `folder` and those above it, on disk when this returns."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for made in reversed(missing):
        made.mkdir(exist_ok=True)
        sync_folder(made.parent)


def replace_link(link: Path, target: str) -> None:
    """Make `link` a symbolic link to `target`, whatever it was before, in one step."""
    make_folders(link.parent)
    temporary = link.parent / f"{RESERVED}-{uuid.uuid4().hex}"
    try:
        temporary.symlink_to(target)
        temporary.replace(link)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(link.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    if os.name == "nt":  # pragma: no cover - Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file_system(folder: Path) -> bool:
    """Make all that was written to the file system of `folder` durable, in one commit.

    False where there is no such call; unlike `os.sync` it says what went wrong. Raises OSError.
    """
    if sys.platform != "linux":
        return False
    syncfs = ctypes.CDLL(None, use_errno=True).syncfs  # Linux 2.6.39; tells of errors from 5.8 on
    handle = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(handle)
    return True


def _root(address: str) -> Path:
    path = address.removeprefix("file:")
    if path.startswith("//"):
        path = path[2:]
        if not path.startswith("/"):
            raise ValueError(f"address {address!r} names a host; write file:///absolute/path")
    if not path or "\0" in path:
        raise ValueError(f"address {address!r} names no folder")
    return Path(path).expanduser().absolute()


def _etag(status: os.stat_result) -> str:
    return f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ino:x}"


def _info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(
        key=key,
        size=status.st_size,
        etag=_etag(status),
        modified=_EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000),
    )
