"""Downloads against servers that misbehave, and archives that mean harm: one clear line, and
nothing half-done is left behind."""

import errno
import hashlib
import io
import re
import socket
import stat
import sys
import tarfile
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from tqdm import tqdm

from hinas_lab.images.datasets import download, unpack
from hinas_lab.images.datasets.download import get
from hinas_lab.images.datasets.sets import SETS, Archive, DataSet

BAR = partial(tqdm, disable=True)


def png(number: int) -> bytes:
    """A small image that does not compress."""
    stream = io.BytesIO()
    Image.fromarray(
        np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    ).save(stream, "png")
    return stream.getvalue()


PICTURES = {f"tiny/HR/{name}.png": png(i) for i, name in enumerate(("a", "b", "c"))}


def tar(entries: dict[str, bytes], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return stream.getvalue()


BODY = tar(PICTURES | {"tiny/readme.txt": b"not wanted", "tiny/LR/a.png": png(9)})
HALF = len(BODY) // 2


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.body`` with Range; ``server.manners`` is asked first, with (handler, start),
    and returns True if it answered."""

    def do_GET(self):
        start = (
            int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if "Range" in self.headers
            else 0
        )
        self.server.asked.append(start)
        if not self.server.manners(self, start):
            self.answer(206 if start else 200, self.server.body[start:], start)

    def answer(
        self,
        code: int,
        body: bytes,
        start: int = 0,
        length: int | None = None,
        headers: dict | None = None,
    ):
        self.send_response(code)
        if code == 206:
            self.send_header(
                "Content-Range", f"bytes {start}-{start + len(body) - 1}/{start + len(body)}"
            )
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.server.sent += len(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server on this machine; impatient clients."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name, value in {"TIMEOUT": (1, 0.3), "TRIES": 2, "WAIT": 0.01, "CHUNK": 512}.items():
        monkeypatch.setattr(download, name, value)
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    running.body, running.asked, running.sent, running.manners = (
        BODY,
        [],
        0,
        lambda handler, start: False,
    )
    running.over = threading.Event()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,))
    thread.start()
    yield running
    running.over.set()
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def tiny(server, tmp_path):
    """A data set of three images on the server, and where it will lie."""

    def make(body: bytes = BODY, name: str = "tiny.tgz", **changes) -> DataSet:
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        server.body = body
        facts = {
            "url": url,
            "bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "keep": r"tiny/(HR/\w+\.png)",
            "folder": "tiny",
            "images": 3,
        } | changes
        return DataSet(
            name="Tiny",
            use="",
            purpose="",
            terms="ours",
            citation="",
            homepage="",
            tree="",
            parts={"test": 3},
            patterns=("HR/*",),
            archives=(Archive(**facts),),
        )

    root = tmp_path / "cache"
    return SimpleNamespace(
        make=make, root=root, part=root / ".downloads" / "tiny.tgz.part", work=root / ".downloads"
    )


def left(root: Path) -> set[str]:
    """Every file below, but the lock."""
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()} - {
        ".downloads/lock"
    }


WHOLE = {f"tiny/HR/{name}.png" for name in "abc"}


def refused(chosen: DataSet, root: Path, *fragments: str, keeps: set[str] = frozenset()):
    """``get`` raises one line with the fragments, and leaves only ``keeps``."""
    with pytest.raises((ValueError, OSError)) as caught:
        get(chosen, root, BAR)
    text = str(caught.value)
    assert len(text.splitlines()) == 1 and all(f in text for f in fragments), text
    assert left(root) == set(keeps)
    assert not [p for p in (root / ".downloads").iterdir() if p.is_dir()]


def half(tiny, data: bytes = BODY[:HALF]):
    """A download that was interrupted."""
    tiny.work.mkdir(parents=True)
    tiny.part.write_bytes(data)


PART = {".downloads/tiny.tgz.part"}


# Servers


def test_download(tiny, server):
    chosen = tiny.make()
    assert get(chosen, tiny.root, BAR) == tiny.root / "tiny"
    assert left(tiny.root) == WHOLE
    assert all((tiny.root / name).read_bytes() == data for name, data in PICTURES.items())
    get(chosen, tiny.root, BAR)
    assert server.asked == [0], "what is there is not asked for again"


def test_half_a_download_is_resumed(tiny, server):
    half(tiny)
    get(tiny.make(), tiny.root, BAR)
    assert server.asked == [HALF] and server.sent == len(BODY) - HALF
    assert left(tiny.root) == WHOLE


def test_whole_part_is_not_asked_for(tiny, server):
    half(tiny, BODY)
    get(tiny.make(), tiny.root, BAR)
    assert not server.asked and left(tiny.root) == WHOLE


def test_part_that_is_too_long_starts_anew(tiny, server):
    half(tiny, BODY + b"x")
    get(tiny.make(), tiny.root, BAR)
    assert server.asked == [0] and left(tiny.root) == WHOLE


def test_archive_put_there_by_hand(tiny, server):
    tiny.work.mkdir(parents=True)
    (tiny.work / "tiny.tgz").write_bytes(BODY)
    get(tiny.make(), tiny.root, BAR)
    assert not server.asked and left(tiny.root) == WHOLE


def test_dead(tiny):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refused
        url = f"http://127.0.0.1:{held.getsockname()[1]}/tiny.tgz"
        refused(
            tiny.make(url=url),
            tiny.root,
            url,
            "no connection",
            "2 times",
            "put tiny.tgz into",
            str(tiny.work),
        )


def test_stalled(tiny, server):
    def stall(handler, start):
        handler.answer(200, BODY[:HALF], length=len(BODY))
        server.over.wait(2)
        return True

    server.manners = stall
    refused(tiny.make(), tiny.root, "no answer for 0.3 s", "2 times", keeps=PART)
    assert (
        tiny.part.read_bytes() == BODY[: tiny.part.stat().st_size]
        and tiny.part.stat().st_size > HALF - 1024
    )


def test_silent(tiny, server):
    server.manners = lambda handler, start: server.over.wait(2) or True
    refused(tiny.make(), tiny.root, "no answer")


def test_redirect(tiny, server):
    def move(handler, start):
        return handler.path == "/tiny.tgz" and (
            handler.answer(302, b"", headers={"Location": "/moved"}) or True
        )

    server.manners = move
    get(tiny.make(), tiny.root, BAR)
    assert left(tiny.root) == WHOLE


def test_redirects_in_a_circle(tiny, server):
    server.manners = lambda handler, start: (
        handler.answer(302, b"", headers={"Location": "/tiny.tgz"}) or True
    )
    refused(tiny.make(), tiny.root, "redirects in a circle")


@pytest.mark.parametrize(("code", "asked"), [(404, 1), (403, 1), (500, 2), (503, 2)])
def test_error_codes(tiny, server, code, asked):
    """What may pass is tried again, the rest is not."""
    server.manners = lambda handler, start: handler.answer(code, b"sorry") or True
    refused(tiny.make(), tiny.root, f"the server answers {code}")
    assert len(server.asked) == asked


def test_server_that_fails_once(tiny, server):
    server.manners = lambda handler, start: (
        len(server.asked) == 1 and (handler.answer(503, b"") or True)
    )
    get(tiny.make(), tiny.root, BAR)
    assert left(tiny.root) == WHOLE


def test_server_that_cannot_resume(tiny, server):
    half(tiny)
    server.manners = lambda handler, start: handler.answer(200, BODY) or True
    get(tiny.make(), tiny.root, BAR)
    assert server.sent == len(BODY) and left(tiny.root) == WHOLE


@pytest.mark.parametrize("code", [206, 416])
def test_server_that_resumes_elsewhere(tiny, server, code):
    """It says so: the whole is asked for."""
    half(tiny)
    server.manners = lambda handler, start: (
        start and (handler.answer(code, BODY[10:], start=10) or True)
    )
    get(tiny.make(), tiny.root, BAR)
    assert server.asked == [HALF, 0] and left(tiny.root) == WHOLE


def test_server_that_lies_about_where_it_resumes(tiny, server):
    half(tiny)
    server.manners = lambda handler, start: (
        start and (handler.answer(206, BODY[: len(BODY) - start], start) or True)
    )
    refused(tiny.make(), tiny.root, "SHA-256 differs", "deleted")
    get(tiny.make(), tiny.root, BAR)
    assert left(tiny.root) == WHOLE


def test_truncated(tiny, server):
    """Both connections end early; the second goes on where the first ended, and the next command
    where that ended."""

    def cut(handler, start):
        handler.answer(
            206 if start else 200, BODY[start : start + 1024], start, length=len(BODY) - start
        )
        return True

    server.manners = cut
    refused(
        tiny.make(),
        tiny.root,
        "the connection ended after",
        f"of {len(BODY)} bytes, 2 times",
        keeps=PART,
    )
    assert (
        server.asked[0] == 0 < server.asked[1]
        and tiny.part.read_bytes() == BODY[: tiny.part.stat().st_size]
    )
    server.manners, had = lambda handler, start: False, tiny.part.stat().st_size
    get(tiny.make(), tiny.root, BAR)
    assert server.asked[2:] == [had] and left(tiny.root) == WHOLE


def test_truncated_without_a_length(tiny, server):
    server.manners = lambda handler, start: (
        handler.answer(206 if start else 200, BODY[start : start + 1024], start, -1) or True
    )
    refused(
        tiny.make(), tiny.root, f"the connection ended after 2048 of {len(BODY)} bytes", keeps=PART
    )


@pytest.mark.parametrize("length", [len(BODY) - 10, len(BODY) + 10, 7])
def test_length_that_is_not_the_archives(tiny, server, length):
    """A page that says sorry, another edition: seen before anything is downloaded."""
    server.manners = lambda handler, start: handler.answer(200, BODY, length=length) or True
    refused(tiny.make(), tiny.root, f"offers {length} bytes", f"has {len(BODY)}")


def test_larger_than_announced(tiny, server):
    server.manners = lambda handler, start: (
        handler.answer(200, BODY + b"x" * 5000, length=-1) or True
    )
    refused(tiny.make(), tiny.root, "sends more than", "deleted")


def test_wrong_hash(tiny, server):
    server.manners = lambda handler, start: handler.answer(200, BODY[:-1] + b"x") or True
    refused(tiny.make(), tiny.root, "SHA-256 differs", "deleted", "put tiny.tgz into")


def test_gzip_that_is_meant_well(tiny, server):
    """Servers that call a .tgz gzip-encoded mean the file as it is."""
    server.manners = lambda handler, start: (
        handler.answer(200, BODY, headers={"Content-Encoding": "x-gzip"}) or True
    )
    get(tiny.make(), tiny.root, BAR)
    assert left(tiny.root) == WHOLE


def test_interrupt(tiny, server):
    """Ctrl-C keeps what came; the next command goes on from there."""

    class Stopping(tqdm):
        def update(self, n=1):
            super().update(n)
            self.came = getattr(self, "came", 0) + n
            if self.came > HALF:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(tiny.make(), tiny.root, partial(Stopping, disable=True))
    assert left(tiny.root) == PART
    had = tiny.part.stat().st_size
    assert HALF < had < len(BODY)
    get(tiny.make(), tiny.root, BAR)
    assert server.asked == [0, had] and left(tiny.root) == WHOLE


def test_interrupt_while_unpacking(tiny, server, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(unpack.shutil, "copyfileobj", stop)
        get(tiny.make(), tiny.root, BAR)
    assert left(tiny.root) == {".downloads/tiny.tgz"}, "the download is whole"
    get(tiny.make(), tiny.root, BAR)
    assert server.asked == [0] and left(tiny.root) == WHOLE


def test_pooch_is_not_installed(tiny, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ModuleNotFoundError, match="pooch"):
        get(tiny.make(), tiny.root, BAR)
    assert left(tiny.root) == set()


# The disk, and other processes


def test_no_room(tiny, server, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    refused(tiny.make(), tiny.root, "needs 0 MB here, 0 MB are free", "--dir")
    assert not server.asked


def full(*args, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_disk_full_while_downloading(tiny, monkeypatch):
    class Full(io.BytesIO):
        write = full

    monkeypatch.setattr(
        download,
        "open",
        lambda path, mode: open(path, mode) if "lock" in str(path) else Full(),
        raising=False,
    )
    refused(tiny.make(), tiny.root, "tiny.tgz.part", "the disk is full", "make room")


def test_disk_full_while_unpacking(tiny, server, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(unpack.shutil, "copyfileobj", full)
        refused(
            tiny.make(),
            tiny.root,
            str(tiny.root / "tiny"),
            "the disk is full",
            keeps={".downloads/tiny.tgz"},
        )
    get(tiny.make(), tiny.root, BAR)
    assert server.asked == [0] and left(tiny.root) == WHOLE


def test_one_download_at_a_time(tiny):
    fcntl = pytest.importorskip("fcntl")
    tiny.work.mkdir(parents=True)
    with open(tiny.work / "lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        refused(tiny.make(), tiny.root, "another download into this folder is under way")
    get(tiny.make(), tiny.root, BAR)


def test_what_a_kill_leaves_is_cleared(tiny):
    (tiny.work / "tmpabc" / "new").mkdir(parents=True)
    (tiny.work / "tmpabc" / "new" / "a.png").write_bytes(b"x")
    (tiny.work / "tmpdef").write_bytes(b"x")
    get(tiny.make(), tiny.root, BAR)
    assert left(tiny.root) == WHOLE


def test_incomplete_folder_in_the_way(tiny, server):
    (tiny.root / "tiny" / "HR").mkdir(parents=True)
    (tiny.root / "tiny" / "HR" / "a.png").write_bytes(b"mine")
    refused(tiny.make(), tiny.root, "is not complete", "move it away", keeps={"tiny/HR/a.png"})
    assert not server.asked


def test_two_archives(tiny, server):
    """The second fails: the first is in place, and is not asked for again."""
    (one,) = tiny.make().archives
    second = replace(one, url=one.url.replace("tiny.tgz", "more.tgz"), folder="tiny/more")
    both = replace(
        tiny.make(), archives=(one, second), parts={"HR": 3, "more/HR": 3}, patterns=("{part}/*",)
    )
    server.manners = lambda handler, start: (
        handler.path == "/more.tgz" and (handler.answer(404, b"") or True)
    )
    for _ in range(2):
        refused(both, tiny.root, "more.tgz", "404", keeps=WHOLE)
    assert server.asked == [0, 0, 0]
    server.manners = lambda handler, start: False
    get(both, tiny.root, BAR)
    assert left(tiny.root) == WHOLE | {name.replace("tiny", "tiny/more") for name in WHOLE}


# Archives. Each has the size and the SHA-256 that we expect: what is refused is what is inside.


def linked(kind: bytes, target: str = "/etc/passwd", name: str = "tiny/HR/a.png") -> bytes:
    """Three images, one of which is a link or a device."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
        for other, data in list(PICTURES.items())[1:]:
            info = tarfile.TarInfo(other)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def zip_link() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        info = zipfile.ZipInfo("tiny/HR/a.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


def twice() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for _ in range(2):
            info = tarfile.TarInfo("tiny/HR/a.png")
            archive.addfile(info)
    return stream.getvalue()


OUTSIDE = "leads out of its folder"
HARMFUL = {
    "tar_parent": (tar(PICTURES | {"../evil.png": b"x"}), "t.tgz", OUTSIDE),
    "tar_parent_inside": (tar({"tiny/HR/../../../evil.png": b"x"}), "t.tgz", OUTSIDE),
    "tar_absolute": (tar({"/tmp/evil.png": b"x"}), "t.tgz", OUTSIDE),
    "tar_backslash": (tar({"..\\evil.png": b"x"}), "t.tgz", OUTSIDE),
    "zip_parent": (zipped(PICTURES | {"../evil.png": b"x"}), "t.zip", OUTSIDE),
    "zip_absolute": (zipped({"/tmp/evil.png": b"x"}), "t.zip", OUTSIDE),
    "symlink": (linked(tarfile.SYMTYPE), "t.tar", "is a link"),
    "hardlink": (linked(tarfile.LNKTYPE), "t.tar", "is a link"),
    "device": (linked(tarfile.CHRTYPE), "t.tar", "is a link, a device"),
    "fifo": (linked(tarfile.FIFOTYPE), "t.tar", "is a link, a device"),
    "zip_symlink": (zip_link(), "t.zip", "is a link"),
    "twice": (twice(), "t.tar", "there twice"),
    "bomb_tar": (
        tar(PICTURES | {"tiny/HR/d.png": bytes(3_000_000)}),
        "t.tgz",
        "unpacks to more than",
    ),
    "bomb_aside": (
        tar({"tiny/other": bytes(3_000_000)} | PICTURES),
        "t.tgz",
        "unpacks to more than",
    ),
    "bomb_zip": (
        zipped({"tiny/HR/d.png": bytes(3_000_000)}, zipfile.ZIP_DEFLATED),
        "t.zip",
        "unpacks to more than",
    ),
    "too_few": (tar({"tiny/HR/a.png": png(1)}), "t.tgz", "holds 1 images where 3 should be"),
    "too_many": (
        tar(PICTURES | {"tiny/HR/d.png": png(1)}),
        "t.tgz",
        "holds 4 images where 3 should be",
    ),
    "no_tar": (b"<html>sorry</html>" * 99, "t.tgz", "no zip or tar archive"),
    "no_zip": (b"<html>sorry</html>" * 99, "t.zip", "no zip or tar archive"),
    "half_tgz": (BODY[:HALF], "t.tgz", "damaged"),
    "half_tar": (tar(PICTURES, "w")[:5000], "t.tar", "damaged"),
    "half_zip": (zipped(PICTURES)[:5000], "t.zip", "damaged"),
    "flipped_zip": (zipped(PICTURES).replace(b"IDAT", b"IDAX"), "t.zip", "damaged"),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_archive(tiny, tmp_path, name):
    body, file, fragment = HARMFUL[name]
    refused(tiny.make(body, file), tiny.root, file, fragment)
    assert not list(tmp_path.rglob("evil*")) and not Path("/tmp/evil.png").exists()


def test_members_without_end(tiny, monkeypatch):
    monkeypatch.setattr(unpack, "MEMBERS", 50)
    refused(tiny.make(tar({f"tiny/{i}": b"" for i in range(60)})), tiny.root, "or 50 files")


def test_linked_folder_is_not_followed(tiny, tmp_path):
    """A link that nobody asked for is not made; files below its name become real files."""
    outside = tmp_path / "outside"
    outside.mkdir()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        info = tarfile.TarInfo("tiny/HR")
        info.type, info.linkname = tarfile.SYMTYPE, str(outside)
        archive.addfile(info)
        for name, data in PICTURES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    get(tiny.make(stream.getvalue(), "t.tar"), tiny.root, BAR)
    assert left(tiny.root) == WHOLE and not list(outside.iterdir())


def test_zip_and_dotted_names(tiny):
    get(tiny.make(zipped(PICTURES, zipfile.ZIP_DEFLATED), "t.zip"), tiny.root, BAR)
    assert left(tiny.root) == WHOLE


def test_names_with_a_dot_in_front(tiny):
    get(tiny.make(tar({f"./{name}": data for name, data in PICTURES.items()})), tiny.root, BAR)
    assert left(tiny.root) == WHOLE


# What the catalogue says of its archives, on archives made like the real ones


@pytest.mark.parametrize(
    ("name", "wanted", "others"),
    [
        (
            "BSDS500",
            ["BSR/BSDS500/data/images/train/100075.jpg"],
            [
                "BSR/BSDS500/data/groundTruth/train/100075.mat",
                "BSR/BSDS500/data/images/train/Thumbs.db",
            ],
        ),
        (
            "DIV2K",
            ["DIV2K_train_HR/0001.png", "DIV2K_valid_HR/0801.png"],
            ["DIV2K_train_LR_bicubic/X2/0001x2.png"],
        ),
        (
            "Set5",
            [
                "benchmark/Set5/HR/baby.png",
                "benchmark/B100/HR/101085.png",
                "benchmark/Urban100/HR/img_001.png",
            ],
            [
                "benchmark/Set5/LR_bicubic/X2/babyx2.png",
                "benchmark/Set5/HR_X50_9/baby.png",
                "benchmark/bin/Set5/HR/baby.pt",
            ],
        ),
    ],
)
def test_what_is_kept_of_the_real_archives(name, wanted, others):
    kept = [a.keep for a in SETS[name].archives]
    assert all(any(re.fullmatch(keep, path) for keep in kept) for path in wanted)
    assert not any(re.fullmatch(keep, path) for keep in kept for path in others)


def test_the_catalogue_adds_up():
    for chosen in SETS.values():
        for archive in chosen.archives:
            assert (
                re.fullmatch("[0-9a-f]{64}", archive.sha256)
                and archive.bytes > 10**7
                and archive.url.startswith("https://")
            )
        if chosen.archives and chosen.train:
            assert sum(a.images for a in chosen.archives) == sum(chosen.parts.values())
    (benchmark,) = {a for s in SETS.values() if not s.train for a in s.archives}
    assert benchmark.images == sum(sum(s.parts.values()) for s in SETS.values() if not s.train)
