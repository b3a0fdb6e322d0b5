#!/bin/bash
# $FAKE/scontrol.mode: ok, silent
F=$FAKE
echo "scontrol $*" >> "$F/calls"
[ "$(cat "$F/scontrol.mode" 2> /dev/null)" = silent ] && exit 0
case $1 in
ping) echo "Slurmctld(primary) at localhost is UP" ;;
requeue) exit 0 ;;
show)
    if [ "$2" = config ]; then
        echo "MaxArraySize            = 1001"
        exit 0
    fi
    job=${!#}
    touch "$F/queue"
    if ! grep -q "^${job%_*}_" "$F/queue"; then
        echo "slurm_load_jobs error: Invalid job id specified" >&2
        exit 1
    fi
    grep "^${job%_*}_" "$F/queue" | while IFS='|' read -r id state reason node; do
        echo "JobId=1 ArrayJobId=${id%_*} ArrayTaskId=${id#*_} JobState=$state Reason=$reason ExitCode=0:0 NodeList=$node"
    done
    ;;
esac
