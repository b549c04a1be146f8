#!/usr/bin/env bash
# One attempt of a job in its container: stages the inputs, runs the script, uploads what it made, tells of it.
#   . driver.sh ROOT DISK    where its job.tar was unpacked; the machine's disk
# Sourced by bootstrap.sh, whose traps remove ROOT at the end and end the attempt at SIGTERM.
# folder.txt names the job's folder in S3. The report goes there last, to attempt-N/report.tar, with a file `done` in it
# if all outputs are there. Lines of the log that begin with [driver] are this file's own, those that begin with
# [stdout] the script's standard output.
set -euo pipefail
root=$1 disk=$2
attempt=$(cat "$root/folder.txt")/attempt-${AWS_BATCH_JOB_ATTEMPT:-1}
work=$root/work out=$root/out cache=$disk/shared
listed=${BIOINFO_ASSETS_TOOLS:-/opt/bioinfo-assets/tools.tsv}
export JOB_REPORT=$root/report TMPDIR=$root/tmp HOME=$root/tmp LC_ALL=C
AT_ONCE=4

say() { printf '[driver] %s\n' "$*" >&2; }

# The job cannot be begun, and this is why: told in the report, as the script's own `fail` does.
give_up() {
  rm -f "$JOB_REPORT/reserve"
  printf '%s\n' "$*" >"$JOB_REPORT/problem"
  tell
  exit 65
}

# On a full disk too: nothing more is written there.
tell() {
  tar -c -C "$JOB_REPORT" . | s5cmd --log error pipe "$attempt/report.tar"
}

check_tools() {
  local missing
  [[ -s $root/tools.tsv ]] || return 0
  [[ -e $listed ]] || give_up "the container image has no list of its tools ($listed): use one that docker/Dockerfile made"
  missing=$(grep -Fxv -f "$listed" "$root/tools.tsv" | tr '\t\n' ' ;') || return 0
  give_up "the container image has not the tools that it had when the job was made ($missing): its tag was moved, name it by digest"
}

# URI PATH SIZE: every byte of it, or nothing.
fetch() {
  local size part
  part=$(mktemp "$(dirname "$2")/.part.XXXXXXXX") || return 1
  case $1 in
  s3://*) s5cmd --log error cp --raw "$1" "$part" ;;
  *) curl --fail --silent --show-error --location --globoff --retry 5 --retry-all-errors --output "$part" "$1" ;;
  esac || return 1
  size=$(stat -c %s "$part")
  if [[ $size != "$3" ]]; then
    echo "$1 has $size bytes and had $3 when the run began: start the run again" >"$JOB_REPORT/problem"
    rm -f "$part"
    return 1
  fi
  mv "$part" "$2"
}

# URI PATH SIZE NAME: a file that many jobs read, from this machine's copy; who comes first fetches it for all.
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

# The disk that the job needs, in KiB: shared inputs that are not on this machine yet, and two and a half times its own,
# for what it makes of them and what it sorts; two TiB at most.
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

# inputs.tsv has SIZE, LOCAL, NAME (`-` where it is not shared) and URI of each input.
stage() {
  local size local_name name uri needed free fetching=()
  [[ ! -d $root/inputs ]] || find "$root/inputs" -type f -exec mv -t "$work" {} +
  mkdir -p "$cache"
  needed=$(needed_kib)
  free=$(df --output=avail -k "$root" | tail -n 1)
  ((free > needed)) || give_up "the job needs some $((needed / 1024)) MiB of disk by the sizes of its inputs, and the machine has $((free / 1024)) MiB free in $disk: give the compute environment's machines a larger disk"
  while IFS=$'\t' read -r size local_name name uri; do
    # By their process ids: `wait -n` knows nothing of a fetch that a sourced script's bash has tidied away already.
    if ((${#fetching[@]} >= AT_ONCE)); then
      wait "${fetching[0]}" || return
      fetching=("${fetching[@]:1}")
    fi
    if [[ $name == - ]]; then
      fetch "$uri" "$work/$local_name" "$size" &
    else
      fetch_shared "$uri" "$work/$local_name" "$size" "$name" &
    fi
    fetching+=($!)
  done <"$root/inputs.tsv"
  while ((${#fetching[@]} > 0)); do
    wait "${fetching[0]}" || return
    fetching=("${fetching[@]:1}")
  done
}

# Removes what jobs that were killed left on this machine, whose lock nobody holds, and shared files of a week ago.
tidy() {
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

# The outputs, several at once and the large ones in parts, each with a checksum that the store keeps and verifies.
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
head -c 98304 /dev/zero >"$JOB_REPORT/reserve" # space for the report of a job that filled the disk
tidy
check_tools
stage || give_up "$(cat "$JOB_REPORT/problem" 2>/dev/null || echo "an input could not be fetched: the log tells which")"
code=0
run || code=$?
if ((code == 0)); then
  upload || give_up "its outputs could not be uploaded: the log tells why"
  touch "$JOB_REPORT/done"
fi
tell
say "attempt ${AWS_BATCH_JOB_ATTEMPT:-1} ended with exit code $code"
exit "$code"
