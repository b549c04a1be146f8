#!/usr/bin/env bash
# Unpack one job into a folder of its own and run its driver. $1: the folder with its job.tar, or that of its array.
set -euo pipefail
folder=$1${AWS_BATCH_JOB_ARRAY_INDEX:+/$AWS_BATCH_JOB_ARRAY_INDEX}
endpoint=${AWS_ENDPOINT_URL_S3:-${AWS_ENDPOINT_URL:-}}
[[ -z $endpoint ]] || export S3_ENDPOINT_URL=$endpoint
disk=${JOB_DISK:-}
[[ -n $disk && -w $disk ]] || disk=${TMPDIR:-/tmp}
root=

# A command that was running at SIGTERM may still be writing to the folder; it is killed when this process has ended.
remove_folder() {
  for _ in 1 2 3 4 5; do
    rm -rf "$root" 2>/dev/null && return
    sleep 0.2
  done
}

trap '[[ -z $root ]] || remove_folder || true' EXIT
trap 'exit 143' TERM # the sourced driver keeps this trap
root=$(mktemp -d "$disk/job.XXXXXXXX") || exit 75 # as in driver.sh: another machine may have space
exec 8>"$root/locking" # held until the last process of the job has ended
flock 8
mv "$root/locking" "$root/alive"
if ! s5cmd --log error cat "$folder/job.tar" | tar -x --no-same-owner -C "$root"; then
  echo "[driver] cannot download a job from $folder" >&2
  exit 75
fi
# shellcheck source=/dev/null
. "$root/driver.sh" "$root" "$disk"
