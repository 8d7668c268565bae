// Count with Nextflow: nextflow run nextflow.nf --input /data/plate --out /data/out --shards 16

// Input and output are absolute paths that all nodes share. They are values, not files to be
// staged: every shard sees the images under the same path, and a task that is tried again carries on.
process COUNT {
    cpus 8
    memory '8 GB'
    errorStrategy 'retry'
    maxRetries 3

    input:
    val index
    val input
    val out
    val shards

    output:
    val "${out}/shards/${index}"

    script:
    """
    nucensus detect '${input}' -o '${out}/shards/${index}' --shard ${index}/${shards} --quiet --failed-ok
    """
}

process MERGE {
    memory '2 GB'

    input:
    val runs
    val out

    output:
    val "${out}/run"

    script:
    """
    nucensus merge ${runs.collect { run -> "'${run}'" }.join(' ')} -o '${out}/run' --overwrite --failed-ok
    """
}

workflow {
    indexes = Channel.of(1..params.shards)
    COUNT(indexes, params.input, params.out, params.shards)
    MERGE(COUNT.out.collect(), params.out)
}
