"""Tell whether a run is done, and show a start that found it so."""

from .check import check_nuclei
from .facts import StartFact
from .run import Run


def is_done(run: Run) -> bool:
    """Tell whether a start would do no image: none is pending, and none is done again.

    Raises
    ------
    RunError
        Then, if the nuclei of an image are not as they were written.
    """
    query = (
        "SELECT EXISTS (SELECT 1 FROM images WHERE status = 'pending' "
        "OR (status = 'failed' AND stage IN ('read', 'detect')))"
    )
    if run._database.execute(query).fetchone()[0]:
        return False
    check_nuclei(run._database)
    return True


def show_start(run: Run, start: StartFact) -> None:
    """Show a start beside those recorded; the run file stays as it is."""
    run._shown["starts"] = [*run.about.starts, start]
