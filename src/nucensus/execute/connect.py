"""Reach a Dask cluster: by its address, by its scheduler file, or one that is started here."""

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ClusterError, InputError, MissingPackageError
from ..machine import usable_cores
from ..values import Scheduler
from .worker import deaf_to_ctrl_c

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

_CONNECT_S = 10
"""Seconds to wait for a scheduler to answer."""
_CLOSE_S = 5
"""Seconds to wait for a connection to end."""


@contextlib.contextmanager
def connected(scheduler: Scheduler) -> Iterator["Client"]:
    """Give a client of the cluster; what was opened for it is closed, a user's own client is not.

    Parameters
    ----------
    scheduler : str, path or distributed.Client

    Raises
    ------
    MissingPackageError
        `distributed` is not installed.
    InputError
        The text names no cluster.
    ClusterError
        Nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingPackageError("distributed", "Running on a Dask cluster", "dask") from error
    if isinstance(scheduler, Client):
        yield _checked(scheduler)
        return
    if not isinstance(scheduler, str | os.PathLike):
        raise TypeError(
            f"scheduler is a {type(scheduler).__name__}; expected a text or a distributed.Client; "
            f"of a cluster take cluster.get_client()"
        )
    with _without_chatter(), _cluster_named(os.fspath(scheduler)) as where:
        try:
            client = Client(**where, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"no scheduler answers at {os.fspath(scheduler)!r} ({error}); expected a running "
                f"dask scheduler; check the address, that it runs, and the network between"
            ) from error
        try:
            yield client
        finally:
            with contextlib.suppress(OSError):
                client.close(timeout=_CLOSE_S)


def _checked(client: "Client") -> "Client":
    if client.asynchronous:
        raise InputError(
            "the client is asynchronous; expected one that is not; make it with Client(address)"
        )
    if client.status != "running":
        raise ClusterError(
            f"the client is {client.status}; expected one that is connected to its scheduler"
        )
    return client


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """Let Dask warn, but not tell of every connection; of a lost scheduler we tell ourselves."""
    quiet = {"distributed": logging.WARNING, "distributed.client": logging.CRITICAL}
    before = {name: logging.getLogger(name).level for name in quiet}
    for name, level in quiet.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def _cluster_named(text: str) -> Iterator[dict[str, object]]:
    """Give the arguments of a client for what `text` names."""
    if local := re.fullmatch(r"local(?::([1-9]\d*))?", text):
        with _local_cluster(int(local[1] or usable_cores())) as cluster:
            yield {"address": cluster}
    elif text.endswith(".json"):
        if not Path(text).is_file():
            raise InputError(
                f"there is no scheduler file {text!r}; expected the file that "
                f"dask scheduler --scheduler-file wrote; wait for the scheduler, or check the path"
            )
        yield {"scheduler_file": text}
    elif re.fullmatch(r"(\w+://)?[^\s/]+:\d+\S*", text):
        yield {"address": text}
    else:
        raise InputError(
            f"{text!r} names no Dask cluster; expected tcp://HOST:PORT, local, local:N or a "
            f"scheduler file FILE.json"
        )


@contextlib.contextmanager
def _local_cluster(workers: int) -> Iterator["LocalCluster"]:
    """Start a cluster of processes here; its dashboard is for this machine alone."""
    from distributed import LocalCluster

    with deaf_to_ctrl_c():
        cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        )
    with cluster:
        yield cluster
