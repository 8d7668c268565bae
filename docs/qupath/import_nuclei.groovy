// Puts the nuclei of a run onto the images of a project, each time anew: in QuPath open this file by
// Automate > Script editor, then Run > Run for project. Before: nucensus export run --to geojson,
// and the folder geojson beside the project.
def folder = buildFilePath(PROJECT_BASE_DIR, "geojson")

def name = getProjectEntry().getImageName()
def file = new File(folder, name + ".geojson")
if (!file.exists()) {
    println "${name}: no nuclei, for ${file} is not there"
    return
}
def earlier = getDetectionObjects().findAll { it.getPathClass() == getPathClass("Nucleus") }
removeObjects(earlier, true)
importObjectsFromFile(file.getPath())
def nuclei = getDetectionObjects().findAll { it.getPathClass() == getPathClass("Nucleus") }
println "${name}: ${nuclei.size()} nuclei"
