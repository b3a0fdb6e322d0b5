#!/bin/bash
echo "scancel $*" >> "$FAKE/calls"
[ "$(cat "$FAKE/scancel.mode" 2> /dev/null)" = fail ] && { echo "scancel: error: Unable to contact slurm controller" >&2; exit 1; }
exit 0
