// A module in the style of nf-core: the images of a plate are staged, its tables come out.
process NUCENSUS_DETECT {
    tag "$meta.id"
    label 'process_medium'

    container 'registry.example.org/nucensus:0.2.0'

    input:
    tuple val(meta), path(images, stageAs: 'images/*')

    output:
    tuple val(meta), path("${prefix}/nuclei.csv"), emit: nuclei
    tuple val(meta), path("${prefix}/images.csv"), emit: images
    tuple val(meta), path("${prefix}/provenance.json"), emit: provenance
    tuple val(meta), path("${prefix}/run.sqlite"), emit: run
    path "versions.yml", emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    nucensus detect images -o '${prefix}' --workers ${task.cpus} --quiet --failed-ok ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        nucensus: \$(nucensus --version | sed 's/.* //')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir '${prefix}'
    touch '${prefix}/nuclei.csv' '${prefix}/images.csv' '${prefix}/provenance.json' '${prefix}/run.sqlite'

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        nucensus: 0.2.0
    END_VERSIONS
    """
}
