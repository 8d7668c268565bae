"""What other programs run on our outputs does there what the documentation says."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from stated_runs import some_centres, write_run

from nucensus import export_run

SCRIPT = Path(__file__).parent.parent / "docs/qupath/import_nuclei.groovy"
GROOVY, JAVA = shutil.which("groovy"), shutil.which("java")
PROJECT = """
class Detection { def kind; def getPathClass() { kind } }
abstract class Project extends Script {
    static detections = [new Detection(kind: "Tumour")]
    def getPROJECT_BASE_DIR() { System.getProperty("project") }
    def buildFilePath(String... parts) { parts.join("/") }
    def getProjectEntry() { [getImageName: { System.getProperty("image") }] }
    def getPathClass(String name) { name }
    def getDetectionObjects() { detections }
    def removeObjects(objects, children) { detections.removeAll(objects) }
    def importObjectsFromFile(String path) {
        new groovy.json.JsonSlurper().parse(new File(path)).features.each {
            detections << new Detection(kind: it.properties.classification.name)
        }
    }
}
def base = new org.codehaus.groovy.control.CompilerConfiguration(scriptBaseClass: Project.name)
def shell = new GroovyShell(this.class.classLoader, new Binding(), base)
2.times { shell.evaluate(new File(System.getProperty("script"))) }
assert Project.detections.count { it.kind == "Tumour" } == 1
"""
"""A project of QuPath as far as the script asks for one."""


@pytest.mark.skipif(not (GROOVY and JAVA), reason="there is no groovy")
def test_the_script_for_qupath_brings_all_nuclei_once_however_often_it_is_run(tmp_path):
    run = write_run(tmp_path, {"a.tif": some_centres(7)})
    export_run(run, "geojson", tmp_path / "geojson")
    (tmp_path / "project.groovy").write_text(PROJECT)
    facts = {"project": tmp_path, "image": "a.tif", "script": SCRIPT}
    options = [f"-D{name}={value}" for name, value in facts.items()]
    command = [GROOVY, *options, tmp_path / "project.groovy"]
    java = {**os.environ, "JAVA_HOME": str(Path(JAVA).resolve().parents[1])}
    done = subprocess.run(command, env=java, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == ["a.tif: 7 nuclei"] * 2
