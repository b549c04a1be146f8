#!/usr/bin/env bash
# Fetches one job into a folder of its own and goes on as its driver. $1: the folder of its job.tar, or its array's.
set -euo pipefail
folder=$1${AWS_BATCH_JOB_ARRAY_INDEX:+/$AWS_BATCH_JOB_ARRAY_INDEX}
endpoint=${AWS_ENDPOINT_URL_S3:-${AWS_ENDPOINT_URL:-}}
[[ -z $endpoint ]] || export S3_ENDPOINT_URL=$endpoint
disk=${JOB_DISK:-}
[[ -n $disk && -w $disk ]] || disk=${TMPDIR:-/tmp}
root=
trap '[[ -z $root ]] || rm -rf "$root"' EXIT
trap 'exit 143' TERM # the driver's too: sourced, it is never without
root=$(mktemp -d "$disk/job.XXXXXXXX")
exec 8>"$root/locking" # held until the last process of the job is gone
flock 8
mv "$root/locking" "$root/alive"
if ! s5cmd --log error cat "$folder/job.tar" | tar -x --no-same-owner -C "$root"; then
  echo "[driver] no job could be fetched from $folder" >&2
  exit 1
fi
# shellcheck source=/dev/null
. "$root/driver.sh" "$root" "$disk"
