"""The physical floor: read, hash and inflate every zip once. No mill can do with less."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from isal import isal_zlib

from benchmarks.work import Work

_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_RAW_DEFLATE = -15


def one_thread(root: str) -> Work[int]:
    """With the standard library, file after file: the floor that ratios are taken to."""
    paths = sorted(Path(root).rglob("*.zip"))
    return Work(lambda: sum(map(_with_zipfile, paths)), _told(paths))


def all_cores(root: str) -> Work[int]:
    """With the fastest inflate there is on every core: a stricter floor, shown beside it."""
    paths = sorted(Path(root).rglob("*.zip"))

    def do() -> int:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return sum(pool.map(_with_isal, paths))

    return Work(do, _told(paths))


def unzip(root: str, kinds: list[str], into: str) -> Work[int]:
    """What scripts over unzipped files need somebody to do first."""
    paths = [path for kind in kinds for path in sorted((Path(root) / kind).glob("*/*.zip"))]

    def do() -> int:
        total = 0
        for path in paths:
            folder = Path(into) / path.parent.relative_to(root)
            folder.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(path) as container:
                for name in container.namelist():
                    content = container.read(name)
                    (folder / name).write_bytes(content)
                    total += len(content)
        return total

    return Work(do, _told(paths))


def _told(paths: list[Path]) -> Any:
    def tell(inflated: int) -> dict[str, int]:
        return {
            "files": len(paths),
            "bytes": sum(path.stat().st_size for path in paths),
            "inflated_bytes": inflated,
        }

    return tell


def _with_zipfile(path: Path) -> int:
    content = path.read_bytes()
    hashlib.sha256(content).digest()
    with zipfile.ZipFile(io.BytesIO(content)) as container:
        return sum(len(container.read(name)) for name in container.namelist())


def _with_isal(path: Path) -> int:
    content = path.read_bytes()
    hashlib.sha256(content).digest()
    return len(inflated(content))


def inflated(content: bytes) -> bytes:
    """What the one member of a venue's zip holds; its local header says where it begins."""
    _, _, _, method, *_, name, extra = _LOCAL_HEADER.unpack_from(content)
    member = content[_LOCAL_HEADER.size + name + extra :]
    if method != zipfile.ZIP_DEFLATED:
        return member
    found: bytes = isal_zlib.decompress(member, wbits=_RAW_DEFLATE)
    return found
