"""A file system that forgets at a power cut what was not synced: what is written stays in memory until fsync.

    python lossy_fs.py DISK MOUNT

DISK holds what a disk would hold. A line on standard input ends it: `cut SEED TORN RENAMES`. TORN=1 lets a random half of the unsynced
pages reach the disk, some of them half written. RENAMES=1 takes back renames whose directory was not synced.
"""

from __future__ import annotations

import errno
import os
import random
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

import mfusepy

PAGE = 4096
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Node:
    """An open or unsynced file. floor: bytes of the disk's file that still count."""

    disk: int
    size: int
    floor: int
    pages: dict[int, bytearray] = field(default_factory=dict)
    handles: int = 0

    def page(self, number: int) -> bytearray:
        """A page as it is now."""
        if number in self.pages:
            return self.pages[number]
        at = number * PAGE
        data = os.pread(self.disk, max(0, min(PAGE, self.floor - at)), at) if at < self.floor else b""
        return bytearray(data.ljust(PAGE, b"\0"))

    def read(self, size: int, at: int) -> bytes:
        end = min(at + size, self.size)
        found = bytearray()
        while at < end:
            inside = at % PAGE
            piece = self.page(at // PAGE)[inside : inside + end - at]
            found += piece
            at += len(piece)
        return bytes(found)

    def write(self, data: bytes, at: int) -> None:
        self.size = max(self.size, at + len(data))
        while data:
            inside = at % PAGE
            page = self.pages.setdefault(at // PAGE, self.page(at // PAGE))
            taken = data[: PAGE - inside]
            page[inside : inside + len(taken)] = taken
            at, data = at + len(taken), data[len(taken) :]

    def truncate(self, size: int) -> None:
        self.pages = {number: page for number, page in self.pages.items() if number * PAGE < size}
        if size % PAGE and size < self.size:
            page = self.pages.setdefault(size // PAGE, self.page(size // PAGE))
            page[size % PAGE :] = bytes(PAGE - size % PAGE)
        self.floor, self.size = min(self.floor, size), size

    def sync(self) -> None:
        """What fsync promises."""
        if os.fstat(self.disk).st_size > self.floor:
            os.ftruncate(self.disk, self.floor)
        for number, page in self.pages.items():
            os.pwrite(self.disk, page[: max(0, self.size - number * PAGE)], number * PAGE)
        os.ftruncate(self.disk, self.size)
        self.pages.clear()
        self.floor = self.size

    def torn(self, chance: random.Random) -> None:
        """What a disk may have when the power goes: pages in any order, some of them in part."""
        for number, page in self.pages.items():
            fate = chance.random()
            if fate < 0.5:
                continue
            length = PAGE if fate < 0.8 else chance.randrange(1, PAGE // 512) * 512
            os.pwrite(self.disk, page[:length], number * PAGE)


def _alone(method: F) -> F:
    @wraps(method)
    def held(self: LossyFs, *arguments: Any) -> Any:
        with self.turn:
            return method(self, *arguments)

    return held  # type: ignore[return-value]


class LossyFs(mfusepy.Operations):
    """Directories as they lie on the disk; the bytes of files after they were synced."""

    use_ns = True

    def __init__(self, disk: str) -> None:
        self.disk = disk
        self.turn = threading.RLock()
        self.nodes: dict[str, Node] = {}
        self.open_nodes: dict[int, Node] = {}
        self.renames: dict[str, list[tuple[str, str, str | None]]] = defaultdict(list)
        self.trash = f"{disk}.trash"
        self.count = 0
        os.makedirs(self.trash, exist_ok=True)

    def at(self, path: str) -> str:
        return self.disk + path

    def node(self, path: str) -> Node:
        known = self.nodes.get(path)
        if known is None:
            descriptor = os.open(self.at(path), os.O_RDWR)
            size = os.fstat(descriptor).st_size
            known = self.nodes[path] = Node(descriptor, size, size)
        return known

    @_alone
    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        try:
            found = os.lstat(self.at(path))
        except FileNotFoundError:
            raise mfusepy.FuseOSError(errno.ENOENT) from None
        names = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_atime_ns", "st_mtime_ns", "st_ctime_ns")
        told = {name.removesuffix("_ns"): getattr(found, name) for name in names}
        node = self.open_nodes.get(fh) if fh is not None else self.nodes.get(path)
        return told | ({"st_size": node.size} if node is not None else {})

    @_alone
    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *os.listdir(self.at(path))]

    @_alone
    def open(self, path: str, flags: int) -> int:
        node = self.node(path)
        if flags & os.O_TRUNC:
            node.truncate(0)
        return self._handle(node)

    @_alone
    def create(self, path: str, mode: int, fi: Any = None) -> int:
        descriptor = os.open(self.at(path), os.O_RDWR | os.O_CREAT, mode)
        uid, gid, _ = mfusepy.fuse_get_context()
        os.fchown(descriptor, uid, gid)
        os.close(descriptor)
        return self._handle(self.node(path))

    def _handle(self, node: Node) -> int:
        self.count += 1
        node.handles += 1
        self.open_nodes[self.count] = node
        return self.count

    @_alone
    def release(self, path: str, fh: int) -> int:
        node = self.open_nodes.pop(fh)
        node.handles -= 1
        if node.handles == 0 and (not node.pages or node not in self.nodes.values()):
            self.nodes = {name: one for name, one in self.nodes.items() if one is not node}
            if node.size == node.floor:
                os.close(node.disk)
        return 0

    @_alone
    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return self.open_nodes[fh].read(size, offset)

    @_alone
    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self.open_nodes[fh].write(data, offset)
        return len(data)

    @_alone
    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        (self.open_nodes[fh] if fh is not None and fh in self.open_nodes else self.node(path)).truncate(length)
        return 0

    @_alone
    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self.open_nodes[fh].sync()
        return 0

    @_alone
    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        self.renames.pop(path, None)
        return 0

    def flush(self, path: str, fh: int) -> int:
        return 0

    @_alone
    def rename(self, old: str, new: str, flags: int = 0) -> int:
        kept = None
        if os.path.isfile(self.at(new)):
            self.count += 1
            kept = f"{self.trash}/{self.count}"
            os.link(self.at(new), kept)
        os.rename(self.at(old), self.at(new))
        moved = {name: node for name, node in self.nodes.items() if name == old or name.startswith(f"{old}/")}
        self.nodes.pop(new, None)
        for name, node in moved.items():
            del self.nodes[name]
            self.nodes[new + name[len(old) :]] = node
        self.renames[os.path.dirname(new) or "/"].append((old, new, kept))
        return 0

    @_alone
    def unlink(self, path: str) -> int:
        self.nodes.pop(path, None)
        os.unlink(self.at(path))
        return 0

    @_alone
    def link(self, target: str, source: str) -> int:
        os.link(self.at(source), self.at(target))
        if source in self.nodes:
            self.nodes[target] = self.nodes[source]
        return 0

    @_alone
    def mkdir(self, path: str, mode: int) -> int:
        os.mkdir(self.at(path), mode)
        uid, gid, _ = mfusepy.fuse_get_context()
        os.chown(self.at(path), uid, gid)
        return 0

    @_alone
    def rmdir(self, path: str) -> int:
        os.rmdir(self.at(path))
        return 0

    def symlink(self, target: str, source: str) -> int:
        os.symlink(source, self.at(target))
        return 0

    def readlink(self, path: str) -> str:
        return os.readlink(self.at(path))

    def chmod(self, path: str, mode: int) -> int:
        os.chmod(self.at(path), mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        os.chown(self.at(path), uid, gid)
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        found = os.statvfs(self.disk)
        return {
            name: getattr(found, name)
            for name in ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize", "f_namemax")
        }

    def cut(self, seed: int, torn: bool, renames: bool) -> None:
        """The power goes: nothing that the disk has not, remains."""
        with self.turn:
            chance = random.Random(seed)
            if torn:
                for node in {id(node): node for node in self.nodes.values()}.values():
                    node.torn(chance)
            if renames:
                undone = [one for folder in self.renames.values() for one in folder]
                for old, new, kept in reversed(undone):
                    if os.path.exists(self.at(new)) and not os.path.exists(self.at(old)):
                        os.rename(self.at(new), self.at(old))
                        if kept is not None:
                            os.rename(kept, self.at(new))
            os._exit(0)


def main() -> None:
    disk, mount = sys.argv[1:3]
    lossy = LossyFs(disk)

    def listen() -> None:
        for line in sys.stdin:
            word, seed, torn, renames = line.split()
            if word == "cut":
                lossy.cut(int(seed), torn == "1", renames == "1")

    threading.Thread(target=listen, daemon=True).start()
    mfusepy.FUSE(lossy, mount, foreground=True, nothreads=True, allow_other=os.geteuid() == 0, default_permissions=True)


if __name__ == "__main__":
    main()
