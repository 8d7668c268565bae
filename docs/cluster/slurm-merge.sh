#!/bin/bash
#SBATCH --job-name=nucensus-merge
#SBATCH --mem=2G
#SBATCH --time=01:00:00
# Join the shards: sbatch --dependency=afterok:JOB slurm-merge.sh OUT
set -euo pipefail
out=$1

exec nucensus merge "$out"/shards/* -o "$out/run" --overwrite --failed-ok
