"""Say what is wrong with the folder of a run, and what helps."""

import errno
import os
import sqlite3
from pathlib import Path

from ..errors import reason_of
from ..values import RUN_FILE

_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
"""Why a folder was never made."""


def explanation(folder: Path | None, error: OSError | sqlite3.Error) -> str:
    """Return what went wrong with the run in `folder`, None in memory, and what to do."""
    code = getattr(error, "errno", None)
    name = getattr(error, "sqlite_errorname", "")
    where = repr(os.fspath(folder)) if folder else "memory"
    if code in (errno.ENOSPC, errno.EDQUOT) or name.startswith("SQLITE_FULL") or _is_full(folder):
        return (
            f"the disk that holds {where} is full; what was found so far is kept; make space, and "
            f"run the same command again: it carries on"
        )
    if folder is not None and not (folder / RUN_FILE).exists() and folder.exists() and name:
        return f"the run file in {where} cannot be made ({error}); choose another folder with -o"
    was_there = code == errno.ENOENT or not (code in _REFUSED or folder is None or folder.exists())
    if folder is not None and was_there:
        return (
            f"the run in {where} has vanished; expected its folder to stay while the run lasts; "
            f"check the disk, and run the same command again"
        )
    return (
        f"the run cannot be written to {where} ({reason_of(error)}); "
        f"expected a folder that can be written; choose another with -o"
    )


def _is_full(folder: Path | None) -> bool:
    try:
        import shutil  # where something goes wrong alone

        return folder is not None and shutil.disk_usage(folder).free == 0
    except OSError:
        return False
