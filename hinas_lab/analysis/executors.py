"""Where jobs run: this process, a pool of processes, Dask on this machine or a cluster."""

import logging
import os
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import active_children, get_context, parent_process
from threading import Thread

EXECUTORS = "process, here, dask, or the address of a Dask scheduler"

PATIENCE = "10s"
"for a scheduler to answer"


@contextmanager
def executor(where: str, workers: int) -> Iterator[Executor | None]:
    """None (this process), a process pool, or Dask's.

    ValueError for another word, and when no scheduler answers.
    """
    if where == "here":
        yield None
    elif where == "process":
        with _processes(workers) as pool:
            yield pool
    elif where == "dask" or "://" in where:
        with _cluster(where, workers) as client:
            # an error of a job is no accident: it is not tried again; a job whose worker died is
            yield client.get_executor()
    else:
        raise ValueError(f"--executor {where}: must be {EXECUTORS}")


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    others = active_children()
    # spawn: a forked copy of a process with torch's threads may hang
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_worker)
    try:
        yield pool
    except KeyboardInterrupt:
        # what a job had not saved, at most some seconds of work, is done again
        for process in active_children():
            if process not in others:
                process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker():
    """A worker leaves Ctrl-C to the command that started it, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    parent_process().join()
    os._exit(1)  # sys.exit would end this thread only


@contextmanager
def _cluster(where: str, workers: int) -> Iterator:
    """A Dask client: of a cluster on this machine that ends with it, or of the scheduler at the
    address ``where``."""
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise ValueError(
            f"--executor {where}: needs Dask; install it with: pip install 'hinas_lab[cluster]'"
        ) from None
    with ExitStack() as stack:
        if where == "dask":
            # One worker process a job: torch's threads are the process's own. Its log is silent, as
            # a worker that dies is replaced, or told in a line.
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    silence_logs=logging.CRITICAL,
                )
            )
        try:
            client = Client(cluster if where == "dask" else where, timeout=PATIENCE)
        except (OSError, ValueError):
            raise ValueError(f"--executor {where}: no Dask scheduler answers there") from None
        yield stack.enter_context(client)
