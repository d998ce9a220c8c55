"""Getting a data set: download (resumed, checked by size and SHA-256), unpack, put in place whole.
No torch.

Everything that is not finished lies in ``.downloads`` below the cache: a ``.part`` file that the
next try continues, a lock, and temporary files that the next try clears away. A data set's own
folder appears by one rename when it is complete. An archive that was downloaded in some other way
is used when it lies there under its own name.
"""

import errno
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from hinas_lab.images.datasets.catalog import find, part_files
from hinas_lab.images.datasets.sets import Archive, DataSet
from hinas_lab.images.datasets.unpack import unpack
from hinas_lab.storage import replace_file, run_lock

TIMEOUT = (15, 60)
"seconds for a connection, and without a byte"
TRIES, WAIT = 5, 1.0
"connections in all, and seconds before the second (longer each time)"
CHUNK = 1 << 15
GROWTH = 10
"how many times larger than itself an archive of ours may say it is inside"


class Broken(Exception):
    """A connection that gave nothing, or not all: worth another."""


def get(chosen: DataSet, root: Path, bar: Callable) -> Path:
    """Have ``chosen`` below ``root``, and return its folder; what is there already is not touched.
    ``bar``: tqdm or the like.

    ValueError or OSError in one line: nothing to download, an incomplete folder in the way, the
    server, the archive, the disk.
    """
    there = find(chosen, root)
    if there and complete(chosen, there):
        return there
    work = root / ".downloads"
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"{work}: cannot be made, {_why(error)}; choose another folder: --dir, or HINAS_DATA"
        ) from None
    with _alone(work):
        for stray in work.glob("tmp*"):  # of a process that was killed
            shutil.rmtree(stray) if stray.is_dir() else stray.unlink()
        for archive in chosen.archives:
            if not (root / archive.folder).exists():
                _room(archive, work)
                _unpack(archive, fetch(archive, work, bar), root / archive.folder, bar)
    there = find(chosen, root)
    if not there or not complete(chosen, there):
        where = there or root / chosen.archives[0].folder
        raise ValueError(
            f"{chosen.name}: {where} is not complete (see hinas-lab data verify); "
            "move it away and run the command again"
        )
    return there


def complete(chosen: DataSet, folder: Path) -> bool:
    """Whether every part has as many images as it should."""
    counts = {part: len(part_files(chosen, folder, part)) for part in chosen.parts}
    return counts == chosen.parts


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process, however it ends."""
    (work / "lock").touch()
    with ExitStack() as stack:
        try:
            stack.enter_context(run_lock(work, "lock"))
        except ValueError:
            raise OSError(
                f"{work}: another download into this folder is under way; wait for it"
            ) from None
        yield


def _room(archive: Archive, work: Path):
    """OSError when what is still to come will not fit. Images hardly compress: unpacked they are
    about as large as packed."""
    have = sum(p.stat().st_size for p in work.glob(f"{archive.name}*"))
    need, free = 2 * archive.bytes - have, shutil.disk_usage(work).free
    if need > free:
        raise OSError(
            f"{work}: {archive.name} needs {need / 1e6:.0f} MB here, "
            f"{free / 1e6:.0f} MB are free; make room, or use --dir"
        )


def fetch(archive: Archive, work: Path, bar: Callable) -> Path:
    """The archive's file in ``work``: as it lies there, else downloaded, and in both cases with the
    right SHA-256."""
    import pooch

    pooch.get_logger().setLevel("ERROR")
    download = partial(_download, archive, bar)
    try:
        return Path(
            pooch.retrieve(
                archive.url, f"sha256:{archive.sha256}", archive.name, work, downloader=download
            )
        )
    except ValueError as error:
        if "does not match" not in str(error):
            raise
        raise ValueError(
            f"{archive.url}: gives another file than the one we know (its SHA-256 differs); "
            "deleted. Run the command again; if it stays so, "
            f"put {archive.name} into {work} yourself"
        ) from None


def _download(archive: Archive, bar: Callable, url: str, output: str, pooch) -> None:
    """pooch's downloader: continue ``.part`` until it has the archive's size, then give it to
    pooch, which checks and places it."""
    part = Path(output).with_name(f"{archive.name}.part")
    with bar(total=archive.bytes, desc=archive.name, unit="B", unit_scale=True) as progress:
        for number in range(1, TRIES + 1):
            try:
                _continue(archive, part, progress)
                break
            except Broken as error:
                if number == TRIES:
                    raise OSError(
                        f"{url}: {error}, {TRIES} times; run the command again to go on from "
                        f"there, or put {archive.name} into {part.parent} yourself"
                    ) from None
                time.sleep(WAIT * number)
    replace_file(part, output)


def _continue(archive: Archive, part: Path, progress) -> None:
    """One connection. Broken is worth another; ValueError and OSError are not."""
    have = part.stat().st_size if part.exists() else 0
    if have == archive.bytes:
        return
    if have > archive.bytes:  # of another edition of the archive
        have = 0
    with _errors_in_one_line(archive, part):
        _receive(archive, part, have, progress)
    have = part.stat().st_size
    if have > archive.bytes:
        part.unlink()
        raise ValueError(
            f"{archive.url}: sends more than the {archive.bytes} bytes of the archive we know; "
            "deleted"
        )
    if have < archive.bytes:
        raise Broken(f"the connection ended after {have} of {archive.bytes} bytes")


def _receive(archive: Archive, part: Path, have: int, progress) -> None:
    """Write what the server sends behind the first ``have`` bytes of ``part``."""
    import requests

    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with requests.get(archive.url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        have = _begin(archive, answer, have, part)
        progress.update(have - progress.n)
        with open(part, "ab" if have else "wb") as file:
            # not iter_content: some servers call a .tgz gzip-encoded, and requests would unpack it
            for chunk in answer.raw.stream(CHUNK, decode_content=False):
                file.write(chunk)
                have += len(chunk)
                progress.update(len(chunk))
                if have > archive.bytes:
                    break


@contextmanager
def _errors_in_one_line(archive: Archive, part: Path) -> Iterator[None]:
    """What requests and the disk raise, as ``_continue`` raises it."""
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    try:
        yield
    except requests.TooManyRedirects:
        raise ValueError(f"{archive.url}: redirects in a circle; try later") from None
    except (requests.Timeout, ReadTimeoutError):
        raise Broken(f"no answer for {TIMEOUT[1]} s") from None
    except requests.ConnectionError as error:
        raise Broken(f"no connection ({type(error).__name__})") from None
    except HTTPError:  # ended early: the size will tell
        pass
    except requests.RequestException as error:
        raise ValueError(f"{archive.url}: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise OSError(
            f"{part}: cannot be written, {_why(error)}; "
            "make room and run the command again to go on, or use --dir"
        ) from None


def _begin(archive: Archive, answer, have: int, part: Path) -> int:
    """From which byte on the server sends: ``have``, or 0 where it cannot resume. Raises as
    ``_continue`` does."""
    code = answer.status_code
    if code in (408, 429) or code >= 500:
        raise Broken(f"the server answers {code} {answer.reason}")
    resumed = answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    if code == 416 or (code == 206 and not resumed):
        part.unlink(missing_ok=True)  # it will not go on from here: start anew
        raise Broken("the server does not resume where it should")
    if code not in (200, 206):
        raise ValueError(
            f"{archive.url}: the server answers {code} {answer.reason}; "
            "see whether the homepage has moved it"
        )
    start = have if code == 206 else 0
    length = answer.headers.get("Content-Length", "")
    if length.isdigit() and start + int(length) != archive.bytes:
        raise ValueError(
            f"{archive.url}: offers {start + int(length)} bytes, "
            f"the archive we know has {archive.bytes}; not downloaded"
        )
    return start


def _unpack(archive: Archive, path: Path, place: Path, bar: Callable) -> None:
    """Make ``place`` out of the archive, whole or not at all, and delete the archive: it is used
    up, or refused for what it holds."""
    with (
        TemporaryDirectory(dir=path.parent) as above,
        bar(total=archive.images, desc="unpack", unit="image") as progress,
    ):
        new = Path(above) / "new"
        try:
            images = unpack(path, archive.keep, new, GROWTH * archive.bytes, progress.update)
            if images != archive.images:
                raise ValueError(
                    f"{archive.name}: holds {images} images where {archive.images} should be; "
                    "refused"
                )
            place.parent.mkdir(parents=True, exist_ok=True)
            replace_file(new, place)
        except ValueError:
            path.unlink()
            raise
        except OSError as error:
            raise OSError(
                f"{place}: cannot be unpacked, {_why(error)}; "
                "nothing was changed there, the download is kept"
            ) from None
    path.unlink()


def _why(error: OSError) -> str:
    return "the disk is full" if error.errno == errno.ENOSPC else str(error.strerror or error)
