// Puts the nuclei of a run onto the images of a project, each time anew.
// Before: nucensus export run --to geojson, its folder beside the project.
// In QuPath: Automate > Script editor, this file, Run > Run for project.
def nuclei() {
    getDetectionObjects().findAll { it.getPathClass() == getPathClass("Nucleus") }
}

def folder = buildFilePath(PROJECT_BASE_DIR, "geojson")

def name = getProjectEntry().getImageName()
def file = new File(folder, name + ".geojson")
if (!file.exists()) {
    println "${name}: no nuclei, for ${file} is not there"
    return
}
removeObjects(nuclei(), true)
importObjectsFromFile(file.getPath())
println "${name}: ${nuclei().size()} nuclei"
