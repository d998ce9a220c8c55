"""A study is a generator: it yields the jobs it needs next, is sent their rows, and returns what it found.

Jobs run in this process, or on any ``concurrent.futures`` executor: a process pool, Dask's ``client.get_executor()``. A finished job is
never done twice, in whatever study it is asked for; a study that was stopped continues where it was.
"""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import BrokenExecutor, Executor, as_completed
from pathlib import Path

from hinas_lab.storage import write_json
from hinas_lab.studies.jobs import Job, stored, work

Design = Generator[list[Job], list[dict], dict]


def study(design: Design, folder: str | Path, executor: Executor | None = None,
          progress: Callable[[int, int], None] = lambda done, asked: None) -> dict:
    """Run ``design``; every job has a folder below ``folder``. What it returns.

    ``progress(done, asked)``: jobs finished and asked for so far. ValueError of a job is raised when the others of its batch that had
    begun are finished; OSError when the executor dies. Whatever happens, finished rows are kept.
    """
    folder, done, asked = Path(folder).absolute(), 0, 0
    folder.mkdir(parents=True, exist_ok=True)
    jobs = next(design)
    while True:
        wanted = {job.key: job for job in jobs}
        asked += len(wanted)
        rows = {}
        for row in _finish(wanted, folder, executor):
            rows[row["key"]] = row
            done += 1
            progress(done, asked)
        try:
            jobs = design.send([rows[job.key] for job in jobs])
        except StopIteration as end:
            return end.value


def _finish(jobs: dict[str, Job], folder: Path, executor: Executor | None) -> Iterable[dict]:
    """The rows of ``jobs``, stored ones first."""
    todo = []
    for job in jobs.values():
        row = stored(job, folder)
        if row is None:
            todo.append(job)
        else:
            yield row
    if executor is None:
        yield from (work(job, folder) for job in todo)
        return
    futures = {}
    try:
        futures = {executor.submit(work, job, str(folder)): job for job in todo}
        for future in as_completed(futures):
            row, job = future.result(), futures[future]
            if stored(job, folder) is None:  # the worker's disk is another one
                (folder / job.key).mkdir(parents=True, exist_ok=True)
                write_json(folder / job.key / "row.json", row | {"spec": job.spec})
            yield row
    except BrokenExecutor:
        raise OSError("a worker process died (out of memory?); run the same command again, finished rows are kept") from None
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # Dask's, after several deaths over one job
            raise OSError("a worker died again and again over the same job (out of memory?); finished rows are kept") from None
        raise
    finally:
        for future in futures:
            future.cancel()
