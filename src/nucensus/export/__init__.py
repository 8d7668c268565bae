"""Write what a run found as files that other programs read.

A new format is one new module here, `to_<format>.py` with a function `write`,
and one line in `FORMATS`.
"""

import importlib
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError, RunError, reason_of
from ..remote import is_remote, staged
from ..store import AnyRun, Run, as_run
from ..text.files import is_full
from ..values import RUN_FILE
from . import to_csv
from .provenance import provenance, write_provenance


class Format(NamedTuple):
    """A format: what it writes, and how.

    Attributes
    ----------
    writes : str
        What it is, in a few words.
    suffix : str
        How its files end.
    files : str
        Their names, for a reader of the documentation.
    opens_in : str
        Which programs open them.
    per_image : bool
        Whether there is a file for each image, in a folder; otherwise there is
        one for the run.
    draws : bool
        Whether it draws nuclei, which a radius makes larger.
    is_local : bool
        Whether its files name each other by their paths, which those in a
        bucket have not.
    extra : str
        The extra of nucensus that brings the package it needs; "" for none.
    """

    writes: str
    suffix: str
    files: str
    opens_in: str
    per_image: bool = False
    draws: bool = False
    is_local: bool = False
    extra: str = ""


FORMATS = {
    "csv": Format("nuclei.csv and images.csv", ".csv", "`nuclei.csv`, `images.csv`", "everything"),
    "parquet": Format(
        "nuclei.parquet and images.parquet", ".parquet", "`nuclei.parquet`, `images.parquet`",
        "pandas, polars, R arrow, DuckDB", extra="parquet",
    ),
    "geojson": Format(
        "detections for QuPath, one file per image", ".geojson", "`<image>.geojson`",
        "QuPath, as detections", per_image=True,
    ),
    "napari": Format(
        "points for napari, one CSV file per image, and labels where there are outlines", ".csv",
        "`<image>.csv`, with outlines `<image>.labels.tif`",
        "napari, as a points and a labels layer", per_image=True,
    ),
    "imagej": Format(
        "outlines or points for ImageJ and Fiji, one ROI zip per image", ".zip", "`<image>.zip`",
        "ImageJ and Fiji, ROI Manager", per_image=True, extra="imagej",
    ),
    "labels": Format(
        "label images: outlines or discs, one TIFF per image", ".tif", "`<image>.labels.tif`",
        "everything that reads TIFF", per_image=True, draws=True,
    ),
    "ome-zarr": Format(
        "label images: outlines or discs, one OME-Zarr per image", ".zarr",
        "`<image>.ome.zarr` (0.4)", "what reads OME-Zarr images", per_image=True, draws=True,
        extra="ome-zarr",
    ),
    "cellprofiler": Format(
        "load_data.csv for CellProfiler, and label images, which it loads as objects", ".csv",
        "`load_data.csv`, `<image>.labels.tif`", "CellProfiler, *LoadData*", per_image=True,
        draws=True, is_local=True,
    ),
    "anndata": Format(
        "nuclei.h5ad, one observation per nucleus", ".h5ad", "`nuclei.h5ad`", "scanpy, squidpy",
        extra="anndata",
    ),
    "wells": Format(
        "wells.csv, one row per well", ".csv", "`wells.csv`", "pycytominer, R, spreadsheets"
    ),
    "xlsx": Format(
        "wells.xlsx, one row per well", ".xlsx", "`wells.xlsx`", "Excel, LibreOffice", extra="xlsx"
    ),
    "truth": Format(
        "truth.csv, the nuclei of corrected images", ".csv", "`truth.csv`", "`nucensus evaluate`"
    ),
    "run": Format(
        f"{RUN_FILE}, nuclei.csv and images.csv: the run itself", ".sqlite",
        f"`{RUN_FILE}`, `nuclei.csv`, `images.csv`",
        "a copy of the run, as it is, for [a bucket](object-storage.md)",
    ),
}  # fmt: skip


def export_run(
    run: AnyRun, to: str, path: str | os.PathLike[str], *, radius: int | None = None
) -> list[Path | str]:
    """Write `run` in another format, with its provenance beside it.

    Parameters
    ----------
    run : Run or path
        What was found, or the folder of it.
    to : str
        A format of `FORMATS`: `csv`, `parquet`, ...; `run` is the run itself.
    path : path or address
        The folder to write to; or, for a format that does not write a file for
        each image, the file, if it ends as such files do. An address in a
        bucket, such as "s3://bucket/tables/", gets the files once all of them
        are whole.
    radius : int, optional
        For `labels` and `ome-zarr` of a run without outlines: the radius of the
        disc that stands for a nucleus, in pixels. By default a nucleus is one
        pixel. The files say how nuclei are drawn.

    Returns
    -------
    list of Path or str
        What was written: files, or the folder with a file for each image; last
        the provenance. Those in a bucket by their addresses.

    Raises
    ------
    InputError
        The format does not exist, or `path` cannot be written.
    RunError
        The disk is full.
    MissingPackageError
        The format needs a package that is not installed.
    AccessError
        The bucket cannot be written to.

    Examples
    --------
    >>> export_run("run/", "parquet", "tables/")  # doctest: +SKIP
    """
    run = as_run(run)
    if to not in FORMATS:
        raise InputError(f"the format is {to!r}; expected one of {', '.join(FORMATS)}")
    if FORMATS[to].is_local and is_remote(path):
        raise InputError(
            f"{to} is to be written to {os.fspath(path)!r}; expected a folder of this machine, for "
            f"its files name each other by their paths; choose one with -o"
        )
    if radius is not None and not FORMATS[to].draws:
        drawn = ", ".join(name for name, each in FORMATS.items() if each.draws)
        raise InputError(f"{to} draws no nuclei; a radius is for {drawn}; leave it out")
    if radius is not None and run.has_outlines:
        raise InputError(
            "a radius was given, and the run has outlines, which are drawn as they are; leave the "
            "radius out"
        )
    options = {} if radius is None else {"radius": radius}
    module = importlib.import_module(f".to_{to.replace('-', '_')}", __name__)
    try:
        with staged(path) as stage:
            document = provenance(run)
            written: list[Path] = module.write(run, stage.path, document, **options)
            sidecar = _sidecar(stage.path, FORMATS[to])
            written.append(write_provenance(run, document, sidecar))
        return [stage.final(each) for each in written]
    except (OSError, sqlite3.OperationalError) as error:
        if is_full(error):
            raise RunError(
                f"the disk that holds {os.fspath(path)!r} is full; nothing half-written is left "
                f"there; make space, or choose another place with -o"
            ) from error
        raise InputError(
            f"{os.fspath(path)!r} cannot be written ({reason_of(error)}); expected a folder, or a "
            f"file that ends in {FORMATS[to].suffix}, in a place that can be written; choose "
            f"another"
        ) from error


def write_csv(run: Run, folder: str | os.PathLike[str]) -> None:
    """Write `nuclei.csv` and `images.csv` of `run` and its provenance into `folder`."""
    write_tables(run, folder)
    write_sidecar(run, folder)


def write_tables(run: Run, folder: str | os.PathLike[str], *, threads: int = 2) -> None:
    """Write `nuclei.csv` and `images.csv` of `run` into `folder`, in no more than some threads."""
    to_csv.write(run, Path(folder), {}, threads=threads)


def write_sidecar(run: Run, folder: str | os.PathLike[str]) -> None:
    """Write `provenance.json` of `run` into `folder`."""
    write_provenance(run, provenance(run), Path(folder, "provenance.json"))


def _sidecar(target: Path, format_: Format) -> Path:
    if not format_.per_image and target.suffix.lower() == format_.suffix:
        return target.with_name(f"{target.name}.provenance.json")
    return target / "provenance.json"
