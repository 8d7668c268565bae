"""The example scripts of docs/cluster: their own tools find nothing wrong, and they count."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import imagecodecs
import pytest
from commands import PLANTED, run, tables

from nucensus import __version__

SCRIPTS = Path(__file__).parents[1] / "docs" / "cluster"
SHARDS = 2


def tool(name):
    """Return the path of a program, or skip the test."""
    path = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    return path or pytest.skip(f"{name} is not installed")


def kubernetes(name):
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed (uv sync --group cluster)")
    return yaml.safe_load((SCRIPTS / f"kubernetes-{name}.yaml").read_text())


def test_shellcheck_finds_nothing_in_the_shell_scripts():
    scripts = sorted(SCRIPTS.glob("*.sh"))
    assert scripts
    done = subprocess.run(
        [tool("shellcheck"), *scripts], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["count", "merge"])
def test_the_kubernetes_jobs_fit_the_published_schema(name):
    validator = pytest.importorskip("kubernetes_validate")
    validator.validate(kubernetes(name), "1.30", strict=True)


def test_the_kubernetes_job_has_as_many_shards_as_completions():
    spec = kubernetes("count")["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert int(environment["SHARDS"]) == spec["completions"] == spec["parallelism"]


def test_the_aws_batch_documents_fit_the_model_of_the_service():
    session = pytest.importorskip("botocore.session").get_session()
    from botocore.validate import ParamValidator

    service = session.get_service_model("batch")
    for name, shape in (
        ("definition", service.operation_model("RegisterJobDefinition").input_shape),
        ("merge", service.shape_for("ContainerOverrides")),
    ):
        document = json.loads((SCRIPTS / f"aws-batch-{name}.json").read_text())
        report = ParamValidator().validate(document, shape)
        assert not report.has_errors(), report.generate_report()


def test_the_nextflow_pipeline_is_parsed():
    reftrace = pytest.importorskip("reftrace")
    module = reftrace.Module.from_file(str(SCRIPTS / "nextflow.nf"))
    assert isinstance(module, reftrace.Module), module.error
    assert [process.name for process in module.processes] == ["COUNT", "MERGE"]
    assert {param.name for param in module.params} == {"input", "out", "shards"}
    assert len(module.workflows) == 1


def test_the_module_for_nextflow_is_parsed_and_has_a_stub():
    reftrace = pytest.importorskip("reftrace")
    text = (SCRIPTS / "nf-core" / "main.nf").read_text()
    module = reftrace.Module.from_file(str(SCRIPTS / "nf-core" / "main.nf"))
    assert isinstance(module, reftrace.Module), module.error
    assert [process.name for process in module.processes] == ["NUCENSUS_DETECT"]
    for name in ("nuclei.csv", "images.csv", "provenance.json", "run.sqlite"):
        assert text.count(f"/{name}") == 2  # among the outputs, and made by the stub


def test_hadolint_finds_nothing_in_the_dockerfile():
    done = subprocess.run(
        [tool("hadolint"), SCRIPTS / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_context_of_the_image_is_what_the_wheel_is_built_of(tmp_path, monkeypatch):
    lines = (SCRIPTS / "Dockerfile.dockerignore").read_text().splitlines()
    root = SCRIPTS.parents[1]
    kept = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    assert all((root / name).exists() for name in kept)
    assert {"CMakeLists.txt", "kernel", "src"} <= set(kept)
    build = pytest.importorskip("scikit_build_core.build")
    for name in set(kept) - {"kernel"}:
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(exist_ok=True)
        copy(root / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "long_description", raising=False)
    assert build.prepare_metadata_for_build_wheel(str(tmp_path))


def test_the_images_of_the_examples_have_the_version_of_the_software():
    named = [
        match
        for path in sorted(SCRIPTS.rglob("*"))
        if path.is_file() and path.suffix != ".tif"
        for match in re.findall(r"nucensus:(\w[\w.]*)", path.read_text())
    ]
    assert set(named) == {__version__}
    assert len(named) >= 5


def test_planemo_finds_nothing_in_the_tool_for_galaxy():
    command = [tool("planemo"), "lint", SCRIPTS / "galaxy"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout


@pytest.mark.slow
def test_the_tool_for_cwl_counts_a_folder(plate, tmp_path):
    words = [tool("cwltool"), "--quiet", "--outdir", tmp_path / "cwl", SCRIPTS / "nucensus.cwl"]
    start_script([*words, "--images", plate])
    assert run("detect", plate, "-o", tmp_path / "run").returncode == 0
    assert tables(tmp_path / "cwl") == tables(tmp_path / "run")


@pytest.fixture
def odd_plate(plate, tmp_path):
    """A plate with an odd name, of which one image fails."""
    (plate / "broken.tif").write_text("nothing")
    return plate.rename(tmp_path / "a plate's folder")


@pytest.fixture
def expected(odd_plate, tmp_path):
    """The tables of an undivided run."""
    assert run("detect", odd_plate, "-o", tmp_path / "expected").returncode == 3
    return tables(tmp_path / "expected")


def start_script(command, **said):
    """Run a command as its scheduler does, with what that says in the environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **{name: str(value) for name, value in said.items()}}
    words = [str(each) for each in command]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def slurm(plate, out):
    for task in range(SHARDS):
        said = {"ID": task, "MIN": 0, "MAX": SHARDS - 1, "COUNT": SHARDS}
        start_script(
            ["bash", SCRIPTS / "slurm-count.sh", plate, out],
            **{f"SLURM_ARRAY_TASK_{name}": value for name, value in said.items()},
        )
    start_script(["bash", SCRIPTS / "slurm-merge.sh", out])


def aws_batch(plate, out):
    definition = json.loads((SCRIPTS / "aws-batch-definition.json").read_text())
    for index in range(SHARDS):
        start_script(
            definition["containerProperties"]["command"], INPUT=plate, OUT=out,
            AWS_BATCH_JOB_ARRAY_INDEX=index, AWS_BATCH_JOB_ARRAY_SIZE=SHARDS,
        )  # fmt: skip
    start_script(json.loads((SCRIPTS / "aws-batch-merge.json").read_text())["command"], OUT=out)


def kubernetes_jobs(plate, out):
    commands = [
        kubernetes(name)["spec"]["template"]["spec"]["containers"][0]["command"]
        for name in ("count", "merge")
    ]
    for index in range(SHARDS):
        said = {"INPUT": plate, "OUT": out, "SHARDS": SHARDS, "JOB_COMPLETION_INDEX": index}
        start_script(commands[0], **said)
    start_script(commands[1], OUT=out)


def gnu_parallel(plate, out):
    tool("parallel")
    start_script(["bash", SCRIPTS / "parallel.sh", plate, out, SHARDS, "--will-cite"])


def snakemake(plate, out):
    told = ["bash", "-c", 'exec "$@" 2>&1', "-"]
    words = [*told, tool("snakemake"), "--snakefile", SCRIPTS / "Snakefile", "--cores", 2]
    where = ["--directory", out.parent, "--config", f"input={plate}", f"out={out}"]
    for said in ("5 of 5 steps", "Nothing to be done"):
        assert said in start_script([*words, *where, f"shards={SHARDS}"])


@pytest.mark.slow
@pytest.mark.parametrize("system", [slurm, aws_batch, kubernetes_jobs, gnu_parallel, snakemake])
def test_the_scripts_count_what_an_undivided_run_counts(system, odd_plate, expected, tmp_path):
    system(odd_plate, tmp_path / "out put")
    assert tables(tmp_path / "out put" / "run") == expected
    assert len(list((tmp_path / "out put" / "shards").iterdir())) == SHARDS


def container_command(system):
    if system == "kubernetes":
        return kubernetes("count")["spec"]["template"]["spec"]["containers"][0]["command"]
    definition = json.loads((SCRIPTS / "aws-batch-definition.json").read_text())
    return definition["containerProperties"]["command"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("system", ["kubernetes", "aws"])
def test_the_signal_that_ends_a_container_reaches_the_run_in_it(system, fields, tmp_path):
    (tmp_path / "in").mkdir()
    for index in range(4):
        hanging = imagecodecs.png_encode(fields[0].image) + b"HANG"
        (tmp_path / "in" / f"{index}.png").write_bytes(hanging)
    (tmp_path / "nucensus").write_text(f'#!/bin/sh\nexec {sys.executable} {PLANTED} "$@"\n')
    (tmp_path / "nucensus").chmod(0o755)
    said = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "INPUT": tmp_path / "in",
            "OUT": tmp_path, "SHARDS": 1}  # fmt: skip
    said |= {"JOB_COMPLETION_INDEX": 0} if system == "kubernetes" else {}
    environment = {**os.environ, **{name: str(value) for name, value in said.items()}}
    words = [tool("unshare"), "--pid", "--fork", "--kill-child", *container_command(system)]
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE) as process:
        lock = tmp_path / "shards" / "1" / "run.lock"
        while process.poll() is None and not (lock.exists() and any(lock.read_bytes()[4096:])):
            time.sleep(0.01)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)
        _, stderr = process.communicate(timeout=300)
    assert process.returncode == 128 + signal.SIGTERM, stderr


_SLURM = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A cluster of one node, with SLURM on it."""
    munged, *daemons = [tool(name) for name in ("munged", "slurmctld", "slurmd")]
    folder = tmp_path / "slurm"
    for path in (folder, folder / "state", folder / "spool"):
        path.mkdir(mode=0o700)
    user, host = os.environ.get("USER") or "root", os.uname().nodename
    (folder / "slurm.conf").write_text(_SLURM.format(folder=folder, user=user, host=host))
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o600)
    monkeypatch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    files = [f"--{name}-file={folder / name}" for name in ("key", "pid", "log", "seed")]
    commands = [
        [munged, "--foreground", "--force", f"--socket={folder / 'munge.socket'}", *files],
        *([daemon, "-D"] for daemon in daemons),
    ]
    started = []
    with open(folder / "said", "wb") as said:
        for command in commands:
            started.append(subprocess.Popen(command, stdout=said, stderr=said))
            time.sleep(2)
    yield lambda *words: start_script(words).strip()
    for process in reversed(started):
        process.terminate()
        process.wait(timeout=300)


@pytest.mark.slow
def test_slurm_itself_runs_the_array_and_then_the_merge(cluster, odd_plate, expected, tmp_path):
    out = tmp_path / "out"
    room = ("--cpus-per-task=1", "--mem=500M", f"--output={tmp_path}/%A_%a.txt")
    script = (SCRIPTS / "slurm-count.sh", odd_plate, out)
    array = cluster("sbatch", "--parsable", f"--array=1-{SHARDS}", *room, *script)
    merge = ("--mem=500M", f"--dependency=afterok:{array}", f"--output={tmp_path}/merge.txt")
    cluster("sbatch", *merge, SCRIPTS / "slurm-merge.sh", out)
    deadline = time.monotonic() + 300
    while cluster("squeue", "--noheader") and time.monotonic() < deadline:
        time.sleep(0.5)
    said = [path.read_text() for path in sorted(tmp_path.glob("*.txt"))]
    assert (out / "run" / "nuclei.csv").exists(), said
    assert tables(out / "run") == expected
