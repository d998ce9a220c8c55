"""A study is a generator: it yields the jobs it needs next, is sent their rows, and returns what it
found.

Jobs run in this process, or on any ``concurrent.futures`` executor: a process pool, Dask's
``client.get_executor()``. A finished job is never done twice, in whatever study it is asked for; a
study that was stopped continues where it was.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed
from contextlib import contextmanager
from pathlib import Path

from hinas_lab.analysis.jobs import Job, run_job, store_row, stored_row

Design = Generator[list[Job], list[dict], dict]


def run_design(
    design: Design,
    folder: str | Path,
    executor: Executor | None = None,
    progress: Callable[[int, int], None] = lambda done, asked: None,
) -> dict:
    """Run ``design``; returns what it returns.

    Every job has a folder below ``folder``, a path that workers use too (on their disk, which may
    be another). ``progress(done, asked)``: jobs finished and asked for so far. The first error of a
    job is raised when the others of its batch that had begun are finished; OSError when the
    executor dies. Whatever happens, finished rows are kept.
    """
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    done, asked, answer = 0, 0, None
    while True:
        try:
            jobs = design.send(answer)
        except StopIteration as end:
            return end.value
        # a job that is asked for twice is done once
        by_key = {job.key: job for job in jobs}
        asked += len(by_key)
        rows = {}
        for row in _finish(by_key, folder, executor):
            rows[row["key"]] = row
            done += 1
            progress(done, asked)
        answer = [rows[job.key] for job in jobs]


def _finish(jobs: dict[str, Job], folder: Path, executor: Executor | None) -> Iterable[dict]:
    """The rows of ``jobs``, stored ones first."""
    todo = []
    for job in jobs.values():
        row = stored_row(job, folder)
        if row is None:
            todo.append(job)
        else:
            yield row
    if executor is None:
        for job in todo:
            yield run_job(job, folder)
    else:
        yield from _spread(todo, folder, executor)


def _spread(jobs: list[Job], folder: Path, executor: Executor) -> Iterable[dict]:
    """The rows of ``jobs`` as ``executor`` finishes them; then the first error, if there is one."""
    futures: dict[Future, Job] = {}
    first_error = None
    try:
        with _deaths_in_one_line():
            for job in jobs:
                futures[executor.submit(run_job, job, str(folder))] = job
            for future in as_completed(futures):
                try:
                    row = _stored_here(future.result(), futures[future], folder)
                except Exception as error:
                    first_error = first_error or error
                    _cancel(futures)
                else:
                    yield row
            if first_error:
                raise first_error
    finally:
        _cancel(futures)


def _cancel(futures: Iterable[Future]):
    """None is begun any more; those that run are waited for."""
    for future in futures:
        future.cancel()


@contextmanager
def _deaths_in_one_line() -> Iterator[None]:
    """OSError for whatever an executor says when it or its workers die."""
    try:
        yield
    except BrokenExecutor:
        raise OSError(
            "a worker process died (out of memory?); "
            "run the same command again, finished rows are kept"
        ) from None
    except CancelledError:
        raise OSError(
            "the executor gave its jobs up (was the cluster closed?); "
            "run the same command again, finished rows are kept"
        ) from None
    except Exception as error:
        # Dask's, after several deaths over one job; told by its name, as Dask may not be installed
        if type(error).__name__ == "KilledWorker":
            raise OSError(
                "a worker died again and again over the same job (out of memory?); "
                "finished rows are kept"
            ) from None
        raise


def _stored_here(row: dict, job: Job, folder: Path) -> dict:
    """``row`` as a worker gave it, stored here too where its disk is another.

    ValueError when it is of other images or another version.
    """
    if row["key"] != job.key:
        raise ValueError(
            f"{job.key}: a worker did {row['key']} instead: "
            "its images or its hinas_lab are not those of this machine"
        )
    if stored_row(job, folder) is None:
        store_row(job, folder, row)
    return row


def together(designs: Iterable[Design]) -> Generator[list[Job], list[dict], list]:
    """Inside a design, ``found = yield from together(designs)``: several at once, so that their
    jobs share workers; what each returns, in order. In each batch lie the next jobs of all."""
    designs = list(designs)
    returned, answers = [None] * len(designs), dict.fromkeys(range(len(designs)))
    while answers:
        asked: dict[int, list[Job]] = {}
        for number, answer in answers.items():
            try:
                asked[number] = designs[number].send(answer)
            except StopIteration as end:
                returned[number] = end.value
        jobs = [job for batch in asked.values() for job in batch]
        rows = iter((yield jobs) if jobs else [])
        answers = {}
        for number, batch in asked.items():
            answers[number] = [next(rows) for _ in batch]
    return returned
