#!/bin/bash
# A queue for tests: tasks run at once, inside sbatch. $FAKE has its state and what it is asked to do wrong:
#   sbatch.mode   one word for each call, the last one for all others: ok, refuse, full, silent, hang, cut
#   task.mode     what happens to tasks: lose N, oom N (N times the last task of an array after the first), hold REASON
F=$FAKE
echo "sbatch $*" >> "$F/calls"
calls=$(grep -c '^sbatch' "$F/calls")
mode=$(sed -n "${calls}p" "$F/sbatch.mode" 2> /dev/null)
mode=${mode:-$(tail -n 1 "$F/sbatch.mode" 2> /dev/null)}
case $mode in
refuse) echo "sbatch: error: invalid partition specified: gpu" >&2; exit 1 ;;
full) echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1 ;;
hang) echo "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying" >&2; sleep 100; exit 1 ;;
esac
script=${!#}
name=$(sed -n 's/^#SBATCH --job-name=//p' "$script")
last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$script")
job=$((80 + calls))
echo "$job $name" >> "$F/names"
read -r what count < "$F/task.mode" 2> /dev/null
# Without a word of the parent from here on.
trap '' HUP
for element in $(seq 0 "$last"); do
    if [ "$what" = hold ]; then
        echo "${job}_$element|PENDING|${count:-Priority}|" >> "$F/queue"
        continue
    fi
    lost=$(grep -c . "$F/lost" 2> /dev/null)
    if { [ "$what" = lose ] || [ "$what" = oom ]; } && [ "${lost:-0}" -lt "$count" ] && [ "$calls" -ge 2 ] &&
        [ "$element" -eq "$last" ]; then
        echo "$job $element" >> "$F/lost"
        state=FAILED
        [ "$what" = oom ] && state=OUT_OF_MEMORY
        echo "${job}_$element|$state|None|n1" >> "$F/queue"
        continue
    fi
    SLURM_ARRAY_JOB_ID=$job SLURM_ARRAY_TASK_ID=$element SLURMD_NODENAME=n1 SLURM_CPUS_PER_TASK=1 \
        bash "$script" > "$F/output-$job-$element" 2>&1 < /dev/null
    code=$?
    state=COMPLETED
    [ $code -ne 0 ] && state=FAILED
    echo "${job}_$element|$state|None|n1" >> "$F/queue"
done
if [ "$mode" = cut ]; then
    kill -9 $PPID
    exit 1
fi
[ "$mode" = silent ] && exit 0
echo "Welcome to the cluster" # as some sites greet
echo "$job;fake"
