#!/usr/bin/env bash
# Checks the GPU and compares the training speed with PyTorch's, in less than 9 minutes.
#
#   benches/gpu/run.sh BINARY DIRECTORY [--device cuda:0] [--views N] [--rounds 2]
#
# BINARY must be built with `--features cuda` (docs/cuda.md); the machine needs the NVIDIA driver, the libraries of
# CUDA and cuDNN (site-packages of Python is enough) and, for the comparison, PyTorch. Writes DIRECTORY/table.md, the
# logs and JSON files behind it, and a profile if nsys is installed. The two programs run in turn; the best round of
# each counts. Exits with the exit code of the doctor: 3 if an operation exceeds its tolerance.
set -euo pipefail

usage() {
  sed -n '2,/^set -euo/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

[ $# -ge 2 ] || usage
binary=$(realpath "$1")
directory=$2
shift 2
device=cuda:0 rounds=2 views=()
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --device) device=$2 ;;
    --rounds) rounds=$2 ;;
    --views) views=(--views "$2") ;;
    *) usage ;;
  esac
  shift 2
done
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$directory"
directory=$(cd "$directory" && pwd)
# Results of an earlier call must not be mixed with the new ones.
rm -f "$directory"/doctor-*.json "$directory"/torch-*.json "$directory"/table.md

# CUDA's libraries from pip, for programs linked against them.
libraries=$(python3 - <<'PYTHON'
import pathlib, sys
print(":".join(str(directory) for path in sys.path for directory in sorted(pathlib.Path(path).glob("nvidia/*/lib"))))
PYTHON
)
export LD_LIBRARY_PATH="${libraries:+$libraries:}${LD_LIBRARY_PATH:-}"

# Prints the remaining seconds of the call.
remaining() { echo $((530 - SECONDS)); }

# Runs a command for at most SECONDS or the remaining time: limited LOG SECONDS COMMAND...
limited() {
  local log=$1 seconds=$2 left
  shift 2
  left=$(remaining)
  [ "$left" -gt 5 ] || { echo "no time left" >>"$log"; return 124; }
  timeout "$((seconds < left ? seconds : left))" "$@" 2>>"$log"
}

if command -v nvidia-smi >/dev/null; then
  nvidia-smi >"$directory/nvidia-smi.txt" 2>&1 || true
fi

status=0
limited "$directory/doctor.log" 120 "$binary" doctor --device "$device" >"$directory/doctor.txt" || status=$?
for round in $(seq "$rounds"); do
  limited "$directory/doctor.log" 150 "$binary" doctor --device "$device" --time --skip-checks ${views[@]+"${views[@]}"} --format json \
    >"$directory/doctor-$round.json" || status=$?
  limited "$directory/torch.log" 150 python3 "$here/step.py" --device "$device" ${views[@]+"${views[@]}"} \
    >"$directory/torch-$round.json" || echo "PyTorch did not run: see $directory/torch.log" >&2
done
if command -v nsys >/dev/null; then
  limited "$directory/profile.log" 90 nsys profile --force-overwrite=true --stats=true --output "$directory/profile" \
    "$binary" doctor --device "$device" --precision bf16 --time --skip-checks ${views[@]+"${views[@]}"} >"$directory/profile.txt" ||
    echo "no profile: see $directory/profile.log" >&2
fi

python3 "$here/table.py" "$directory" >"$directory/table.md"
cat "$directory/table.md"
exit "$status"
