#!/bin/bash
#SBATCH --job-name=nucensus
#SBATCH --array=1-16
#SBATCH --cpus-per-task=8
#SBATCH --mem=8G
#SBATCH --time=04:00:00
#SBATCH --requeue
# Count one shard: sbatch slurm-count.sh INPUT OUT
set -euo pipefail
input=$1 out=$2

# exec: SLURM's signals reach nucensus. --failed-ok: the run says which images failed.
exec nucensus detect "$input" -o "$out/shards/$SLURM_ARRAY_TASK_ID" --shard slurm --quiet --failed-ok
