#!/bin/bash
# $FAKE/squeue.mode: ok, empty, fail, hang, noise
F=$FAKE
echo "squeue $*" >> "$F/calls"
case $(cat "$F/squeue.mode" 2> /dev/null) in
empty) exit 0 ;;
fail) echo "slurm_load_jobs error: Unable to contact slurm controller (connect failure)" >&2; exit 1 ;;
hang) sleep 100; exit 1 ;;
noise) echo "slurm: some notice|of|the|site"; echo "x_y|RUNNING|None|n1" ;;
esac
for argument; do
    case $argument in
    --jobs=*)
        jobs=${argument#--jobs=}
        touch "$F/queue"
        if [[ $jobs != *,* ]] && ! grep -q "^${jobs}_" "$F/queue"; then
            echo "slurm_load_jobs error: Invalid job id specified" >&2
            exit 1
        fi
        # Each task twice: an answer may repeat itself.
        grep -E "^(${jobs//,/|})_" "$F/queue"
        grep -E "^(${jobs//,/|})_" "$F/queue"
        ;;
    --name=*) sed -n "s/^\([0-9]*\) ${argument#--name=}\$/\1/p" "$F/names" 2> /dev/null ;;
    esac
done
exit 0
