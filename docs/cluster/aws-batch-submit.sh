#!/bin/bash
# Count on AWS Batch: bash aws-batch-submit.sh QUEUE SHARDS
set -euo pipefail
queue=$1 shards=$2
cd "$(dirname "$0")"

aws batch register-job-definition --cli-input-json file://aws-batch-definition.json
# An array has at least two jobs; one job alone is the only shard.
array=()
((shards > 1)) && array=(--array-properties "size=$shards")
count=$(aws batch submit-job --job-name nucensus --job-definition nucensus --job-queue "$queue" \
    "${array[@]}" --query jobId --output text)
aws batch submit-job --job-name nucensus-merge --job-definition nucensus --job-queue "$queue" \
    --depends-on "jobId=$count" --container-overrides file://aws-batch-merge.json
