# Count with CWL: cwltool nucensus.cwl --images /data/plate
cwlVersion: v1.2
class: CommandLineTool
label: nucensus detect
doc: Find the nuclei of a folder of images. A file that cannot be read is a row of images.csv.
hints:
  SoftwareRequirement:
    packages:
      nucensus:
        version: ["0.2.0"]
  ResourceRequirement:
    coresMin: 2
    ramMin: 4096
baseCommand: [nucensus, detect]
arguments: [--out, run, --workers, $(runtime.cores), --quiet, --failed-ok]
inputs:
  images:
    type: Directory
    doc: A folder, or a plate.
    inputBinding: { position: 1 }
  channel:
    type: string?
    doc: The channel of the nuclei, where there are several.
    inputBinding: { prefix: --channel }
  metadata:
    type: File?
    doc: What the wells were treated with.
    inputBinding: { prefix: --metadata }
outputs:
  nuclei:
    type: File
    outputBinding: { glob: run/nuclei.csv }
  image_table:
    type: File
    outputBinding: { glob: run/images.csv }
  provenance:
    type: File
    outputBinding: { glob: run/provenance.json }
  run_file:
    type: File
    outputBinding: { glob: run/run.sqlite }
