#!/usr/bin/env bash
# One attempt of a job in its container: stage the inputs, run the script, upload the outputs and a report.
#   . driver.sh ROOT DISK    folder with the unpacked job.tar; the machine's disk
# Sourced by bootstrap.sh, whose traps remove ROOT at the end and end the attempt at SIGTERM.
# folder.txt has the job's folder in S3. The report is uploaded last, to attempt-N/report.tar, with a file `done` in it if
# all outputs were uploaded; scratch_paths.py has the same paths. If the driver aborts the attempt, the report has a
# sentence in `problem`, and in `problem_code` a value of attempt_report.ProblemCode if a program reacts to it.
# In the log, lines that begin with [driver] are this file's own and those that begin with [stdout] the script's standard
# output; the last line of an attempt begins with [driver:end].
set -euo pipefail
root=$1 disk=$2
attempt=$(cat "$root/folder.txt")/attempt-${AWS_BATCH_JOB_ATTEMPT:-1}
work=$root/work out=$root/out cache=$disk/shared
image_tools=${BIOINFO_ASSETS_TOOLS:-/opt/bioinfo-assets/tools.tsv}
export JOB_REPORT=$root/report TMPDIR=$root/tmp HOME=$root/tmp LC_ALL=C
MAX_CONCURRENT_FETCHES=4
TOOLS_CHANGED=tools-changed

# CODE MESSAGE: the job cannot be run; the message goes into the report, like that of the script's own `fail`.
abort() {
  rm -f "$JOB_REPORT/reserve"
  [[ -z $1 ]] || printf '%s\n' "$1" >"$JOB_REPORT/problem_code"
  printf '%s\n' "$2" >"$JOB_REPORT/problem"
  finish 65
}

# CODE: upload the report and end the attempt. It works on a full disk too: nothing more is written there.
finish() {
  tar -c -C "$JOB_REPORT" . | s5cmd --log error pipe "$attempt/report.tar"
  printf '[driver:end] attempt %s ended with exit code %s\n' "${AWS_BATCH_JOB_ATTEMPT:-1}" "$1" >&2
  exit "$1"
}

check_tools() {
  local missing
  [[ -s $root/tools.tsv ]] || return 0
  [[ -e $image_tools ]] || abort "" "the container image has no list of its tools ($image_tools): use one built from docker/Dockerfile"
  missing=$(grep -Fxv -f "$image_tools" "$root/tools.tsv" | tr '\t\n' ' ;') || return 0
  abort $TOOLS_CHANGED "the container image no longer contains the tool versions this job was planned with ($missing): its tag was moved, use its digest instead"
}

# URI PATH SIZE: download atomically.
fetch() {
  local size part
  part=$(mktemp "$(dirname "$2")/.part.XXXXXXXX") || return 1
  case $1 in
  s3://*) s5cmd --log error cp --raw "$1" "$part" ;;
  *) curl --fail --silent --show-error --location --globoff --retry 5 --retry-all-errors --output "$part" "$1" ;;
  esac || return 1
  size=$(stat -c %s "$part")
  if [[ $size != "$3" ]]; then
    echo "$1 has $size bytes but had $3 when the run started: start the run again" >"$JOB_REPORT/problem"
    rm -f "$part"
    return 1
  fi
  mv "$part" "$2"
}

# URI PATH SIZE NAME: link a file that many jobs read from this machine's cache; the first job downloads it for all.
fetch_shared() {
  (
    flock 9
    if [[ ! -e $cache/$4 ]]; then
      fetch "$1" "$cache/$4" "$3" || exit 1
      chmod 444 "$cache/$4"
    fi
    touch -c "$cache/$4" 2>/dev/null || true
    ln "$cache/$4" "$2" 2>/dev/null || cp "$cache/$4" "$2"
  ) 9>"$cache/$4.lock"
}

# The disk space that the job needs, in KiB: shared inputs that are not cached yet, and two and a half times its own
# inputs, for its outputs and temporary files; at most two TiB.
needed_kib() {
  local size local_name name uri sum=0
  while IFS=$'\t' read -r size local_name name uri; do
    if [[ $name == - ]]; then
      sum=$((sum + size * 5 / 2))
    elif [[ ! -e $cache/$name ]]; then
      sum=$((sum + size))
    fi
  done <"$root/inputs.tsv"
  sum=$((sum / 1024))
  echo $((sum < 2 ** 31 ? sum : 2 ** 31))
}

# inputs.tsv has SIZE, LOCAL, NAME (`-` if it is not shared) and URI of each input.
stage() {
  local size local_name name uri needed free fetches=()
  [[ ! -d $root/inputs ]] || find "$root/inputs" -type f -exec mv -t "$work" {} +
  mkdir -p "$cache"
  needed=$(needed_kib)
  free=$(df --output=avail -k "$root" | tail -n 1)
  ((free > needed)) || abort "" "the job needs about $((needed / 1024)) MiB of disk space for the size of its inputs, and the machine has $((free / 1024)) MiB free in $disk: give the compute environment's machines a larger disk"
  while IFS=$'\t' read -r size local_name name uri; do
    # By process id: in a sourced script, `wait -n` misses a fetch that bash has already reaped.
    if ((${#fetches[@]} >= MAX_CONCURRENT_FETCHES)); then
      wait "${fetches[0]}" || return
      fetches=("${fetches[@]:1}")
    fi
    if [[ $name == - ]]; then
      fetch "$uri" "$work/$local_name" "$size" &
    else
      fetch_shared "$uri" "$work/$local_name" "$size" "$name" &
    fi
    fetches+=($!)
  done <"$root/inputs.tsv"
  while ((${#fetches[@]} > 0)); do
    wait "${fetches[0]}" || return
    fetches=("${fetches[@]:1}")
  done
}

# Remove the folders of killed jobs, whose lock nobody holds, and shared files that were not used for a week.
clean_disk() {
  local alive
  for alive in "$disk"/job.*/alive; do
    [[ ! -e $alive ]] || flock -n "$alive" rm -rf "${alive%/alive}" || true
  done
  find "$cache" -type f ! -name '*.lock' -mtime +7 -delete 2>/dev/null || true
}

# The supervisor ends the script when its standard input ends: at SIGTERM, or when this process is killed. It marks the
# script's standard output line by line, and keeps the end of its standard error for the report.
run() {
  local code=0
  cd "$work"
  mkfifo "$root/line" || return
  exec 7<>"$root/line"
  python3 -I -S "$root/job_supervisor.py" marked "$JOB_REPORT" bash "$root/script.sh" <"$root/line" 7>&- &
  script=$!
  trap 'exec 7>&-' TERM
  while true; do
    wait "$script" && code=0 || code=$?
    kill -0 "$script" 2>/dev/null || break
  done
  cd "$root"
  return "$code"
}

# Upload the outputs concurrently, large ones in parts, each with a checksum that the store verifies and keeps.
upload() {
  local local_name
  mkdir "$out" || return 1
  while read -r local_name; do
    mv "$work/$local_name" "$out/$local_name" || return 1
  done <"$root/outputs.txt"
  [[ ! -s $root/outputs.txt ]] ||
    aws s3 cp --recursive --only-show-errors --checksum-algorithm CRC32 "$out/" "$attempt/work/"
}

mkdir "$work" "$JOB_REPORT" "$TMPDIR"
head -c 98304 /dev/zero >"$JOB_REPORT/reserve" # disk space for the report of a job that fills the disk
clean_disk
check_tools
stage || abort "" "$(cat "$JOB_REPORT/problem" 2>/dev/null || echo "an input could not be downloaded: see the log")"
code=0
run || code=$?
if ((code == 0)); then
  upload || abort "" "its outputs could not be uploaded: see the log"
  touch "$JOB_REPORT/done"
fi
finish "$code"
