#!/bin/bash
# Count on Kubernetes, and then merge: bash kubernetes-run.sh
set -euo pipefail
cd "$(dirname "$0")"

kubectl apply -f kubernetes-count.yaml
# A job that failed is never complete: both are looked at.
until kubectl wait --for=condition=complete --timeout=0 job/nucensus-count >/dev/null 2>&1; do
    if kubectl wait --for=condition=failed --timeout=0 job/nucensus-count >/dev/null 2>&1; then
        echo "the job nucensus-count failed: kubectl logs job/nucensus-count says why" >&2
        exit 1
    fi
    sleep 10
done
kubectl apply -f kubernetes-merge.yaml
