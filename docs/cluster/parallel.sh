#!/bin/bash
# Count with GNU parallel: bash parallel.sh INPUT OUT SHARDS [OPTIONS OF PARALLEL...]
# For example on all machines of a list: bash parallel.sh /data/plate /data/out 64 --sshloginfile nodes
set -euo pipefail
input=$1 out=$2 shards=$3
shift 3

# One shard at a time on each machine: it uses all cores.
seq "$shards" | parallel --jobs 1 --retries 3 "$@" \
    "nucensus detect ${input@Q} -o ${out@Q}/shards/{} --shard {}/$shards --quiet --failed-ok"

nucensus merge "$out"/shards/* -o "$out/run" --overwrite --failed-ok
