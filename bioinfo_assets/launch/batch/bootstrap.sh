#!/usr/bin/env bash
# Unpack one job into a folder of its own and run its driver. $1: the folder with its job.tar, or that of its array.
set -euo pipefail
((BASH_VERSINFO[0] >= 5)) || { echo "[driver] the image has bash $BASH_VERSION: use one with bash 5 or later" >&2; exit 65; }
folder=$1${AWS_BATCH_JOB_ARRAY_INDEX:+/$AWS_BATCH_JOB_ARRAY_INDEX}
endpoint=${AWS_ENDPOINT_URL_S3:-${AWS_ENDPOINT_URL:-}}
[[ -z $endpoint ]] || export S3_ENDPOINT_URL=$endpoint
disk=${JOB_DISK:-}
[[ -n $disk && -w $disk ]] || disk=${TMPDIR:-/tmp}
root=
exit_code=75 # unless the driver comes to its end: another machine may succeed

# End what was started, and remove the folder, to which that may still write for a moment.
clean_up() {
  local pids
  trap '' TERM
  mapfile -t pids <<<"$(jobs -p)"
  kill "${pids[@]}" 2>/dev/null || true
  exec 7>&- # the line of driver.sh to the script's supervisor
  for _ in 1 2 3 4 5; do
    [[ -n $root ]] || break
    rm -rf "$root" 2>/dev/null && break
    sleep 0.2
  done
  exit "$exit_code"
}

stop() {
  exit_code=143
  exit 143
}

trap clean_up EXIT
trap stop TERM # the sourced driver keeps these two
root=$(mktemp -d "$disk/job.XXXXXXXX") || exit 75 # as in driver.sh: another machine may have space
chmod 711 "$root" # jobs of other users count what it reserves
exec 8>"$root/locking" # held until the last process of the job has ended
flock 8
mv "$root/locking" "$root/alive"
if ! s5cmd --log error cat "$folder/job.tar" | tar -x --no-same-owner -C "$root"; then
  echo "[driver] cannot download a job from $folder" >&2
  exit 75
fi
# shellcheck source=/dev/null
. "$root/driver.sh" "$root" "$disk"
