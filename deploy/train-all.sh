#!/usr/bin/env bash
# Trains every recipe of models/recipes on the data in $EDGEFUSE_DATA (default ../shared/data) and writes the report.
#
#   deploy/train-all.sh [DIR]     DIR takes the models, default models/: what may be passed on is part of this project
#
# A recipe whose data are not there is left out, and said so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-models}
data=${EDGEFUSE_DATA:-../shared/data}
edgefuse=.venv/bin/edgefuse

[ -d "$data" ] || {
    echo "train-all: $data: no such folder; name the folder with the data sets in EDGEFUSE_DATA" >&2
    exit 78
}
if [ -z "${EDGEFUSE_SOUNDS:-}" ]; then
    recordings=${XDG_CACHE_HOME:-$HOME/.cache}/edgefuse/sounds
    if .venv/bin/python -W ignore -m edgefuse.corpora.sounds.recordings "$recordings" >/dev/null; then
        export EDGEFUSE_SOUNDS=$recordings
    else
        echo "train-all: sounds are trained without recordings: their packages are not to be had" >&2
    fi
fi
failed=()
for recipe in models/recipes/*.yaml; do
    name=$(basename "$recipe" .yaml)
    SECONDS=0
    if "$edgefuse" train "$recipe" --data "$data" --out "$out/$name" >/dev/null; then
        printf '%-16s %4d s\n' "$name" "$SECONDS"
    else
        failed+=("$name")
    fi
done
"$edgefuse" evaluate report "$out" --out "$out/report"
if [ ${#failed[@]} -gt 0 ]; then
    echo "train-all: failed: ${failed[*]}" >&2
    exit 1
fi
