#!/usr/bin/env bash
# One attempt of a job in its container: stage the inputs, run the script, upload the outputs and a report.
#   . driver.sh ROOT DISK    folder with the unpacked job.tar; the machine's disk
# Sourced by bootstrap.sh, whose traps remove ROOT at the end and end the attempt at SIGTERM.
# folder.txt has the job's folder in S3. The report is uploaded last, to JOB_ID/attempt-N/report.tar, with a file `done`
# in it if all outputs were uploaded; scratch_paths.py has the same paths. `transfer.tsv` in it has what was moved, in bytes
# and milliseconds. A job may have several parts, which are run one after the other: the first is in ROOT, the next ones are in
# ROOT/part-K, with reports and outputs in attempt-N/part-K. made.tsv of a part has LOCAL, K and FILE of each input that
# another part makes. parts.txt has the address of a folder in S3, where the object K shows that part K is done: in its first
# line the folder of its outputs, then SIZE and LOCAL of each. Another attempt does not run such a part again, but downloads
# what the next ones read of it; if some of that was not uploaded, it goes on at the part that makes it. unpublished.txt
# of a part has the outputs that are not uploaded, because only later parts read them. If the driver aborts the attempt, the report
# has a sentence in `problem`, and in `problem_code` a value of attempt_report.ProblemCode if a program reacts to it.
# Exit codes: that of the script; 65 if the job cannot be run; 75 if another attempt or machine may succeed, and 143 after
# SIGTERM, which Batch's retry rules know (submission_request.py).
# In the log, lines that begin with [driver] are this file's own and those that begin with [stdout] the script's standard
# output; the last line of an attempt begins with [driver:end].
set -euo pipefail
root=$1 disk=$2
batch_job=${AWS_BATCH_JOB_ID:-job}
own_folder=$(<"$root/folder.txt")/${batch_job//:/_}/attempt-${AWS_BATCH_JOB_ATTEMPT:-1}
cache=$disk/shared
[[ ! -e $cache || -O $cache ]] || cache=$disk/shared.$UID # images may run as different users
parts=("$root")
while [[ -d $root/part-${#parts[@]} ]]; do
  parts+=("$root/part-${#parts[@]}")
done
image_tools=${BIOINFO_ASSETS_TOOLS:-/opt/bioinfo-assets/tools.tsv}
export LC_ALL=C
MAX_CONCURRENT_DOWNLOADS=16
MAX_CONCURRENT_UPLOADS=4
MAX_UPLOADS=3
CANNOT_RUN=65
TRY_AGAIN=75
STOPPED=143
TOOLS_CHANGED=tools-changed
disk_timeout_s=${JOB_DISK_TIMEOUT_S:-3600} # how long a job waits for others on its machine to free their disk space

# NUMBER: the part that is run now.
use_part() {
  number=$1 part=$root attempt=$own_folder
  if ((number > 0)); then
    part=$root/part-$number attempt=$own_folder/part-$number
  fi
  work=$part/work out=$part/out unpublished=$part/unpublished
  export JOB_REPORT=$part/report TMPDIR=$part/tmp HOME=$part/tmp
}

# EXIT_CODE CODE MESSAGE: end the attempt; the message goes into the report, like that of the script's own `fail`.
abort() {
  rm -f "$JOB_REPORT/reserve"
  [[ -z $2 ]] || printf '%s\n' "$2" >"$JOB_REPORT/problem_code" || true
  printf '%s\n' "$3" >"$JOB_REPORT/problem" || true # the disk may be full all the same
  finish "$1"
}

# Upload the report. It works on a full disk too: nothing more is written there.
upload_report() {
  tar -c -C "$JOB_REPORT" . | s5cmd --log error pipe "$attempt/report.tar" || exit $TRY_AGAIN
}

# CODE: upload the report and end the attempt.
finish() {
  upload_report
  end_attempt "$1"
}

end_attempt() {
  printf '[driver:end] attempt %s ended with exit code %s\n' "${AWS_BATCH_JOB_ATTEMPT:-1}" "$1" >&2
  # shellcheck disable=SC2034 # bootstrap.sh reads it
  exit_code=$1
  exit "$1"
}

now_ms() {
  local now=${EPOCHREALTIME/[.,]/} # microseconds; the locale decides which character is the decimal point
  printf '%s' "${now%???}"
}

# NAME VALUE: add a figure to the report; on a full disk it is left out.
account() {
  printf '%s\t%s\n' "$1" "$2" >>"$JOB_REPORT/transfer.tsv" || true
} 2>/dev/null

# Sum the numbers on stdin.
sum() {
  awk '{ sum += $1 } END { printf "%.0f", sum }'
}

check_tools() {
  local missing
  [[ -s $root/tools.tsv ]] || return 0
  [[ -e $image_tools ]] || abort $CANNOT_RUN "" "the container image has no list of its tools ($image_tools): use one built from docker/Dockerfile"
  missing=$(grep -Fxv -f "$image_tools" "$root/tools.tsv") || {
    (($? > 1)) || return 0
    abort $TRY_AGAIN "" "the list of the image's tools could not be read: see the log"
  }
  missing=$(tr '\t\n' ' ;' <<<"$missing")
  abort $CANNOT_RUN $TOOLS_CHANGED "the container image no longer contains the tool versions this job was planned with ($missing): its tag was moved, use its digest instead"
}

# Run a command so that SIGTERM is handled at once, not at its end.
interruptible() {
  "$@" &
  wait $!
}

sha256_of() {
  local digest
  if command -v openssl >/dev/null; then
    digest=$(openssl dgst -sha256 -r "$1") || return # a third of the CPU time of Debian's sha256sum
  else
    digest=$(sha256sum <"$1") || return
  fi
  printf '%s' "${digest%% *}"
}

# LIST: download files at the same time; LIST has URI, PATH and SIZE of each. One process downloads all those in S3, so
# that credentials are asked for once (the container agent limits such requests), and one those of web servers.
download() {
  local uri path size pids=() code=0
  : >"$root/s3.txt"
  : >"$root/web.txt"
  while IFS=$'\t' read -r uri path size; do
    case $uri in
    s3://*) printf "cp --raw --part-size 64 '%s' '%s'\n" "${uri//\'/\'\\\'\'}" "$path" >>"$root/s3.txt" ;;
    *) printf 'url = "%s"\noutput = "%s"\n' "$uri" "$path" >>"$root/web.txt" ;;
    esac
  done <"$1"
  if [[ -s $root/s3.txt ]]; then
    s5cmd --log error --numworkers $MAX_CONCURRENT_DOWNLOADS run "$root/s3.txt" &
    pids+=($!)
  fi
  if [[ -s $root/web.txt ]]; then
    curl --fail --silent --show-error --location --globoff --retry 5 --retry-all-errors \
      --parallel --parallel-max 4 --config "$root/web.txt" &
    pids+=($!)
  fi
  for pid in "${pids[@]}"; do
    wait "$pid" || code=1
  done
  while IFS=$'\t' read -r uri path size; do
    if [[ ! -e $path ]]; then
      echo "$uri could not be downloaded: see the log" >"$root/failure"
      code=1
    elif [[ $(stat -c %s "$path") != "$size" ]]; then
      ((code)) || echo "$uri has $(stat -c %s "$path") bytes but had $size when the run started: start the run again" >"$JOB_REPORT/problem"
      return 1
    fi
  done <"$1"
  ((code)) || account fetched_bytes "$(cut -f 3 "$1" | sum)"
  return $code
}

# Link the files that many jobs read from this machine's cache. Whoever holds the lock of a file downloads it for all.
# shared.tsv has SIZE, LOCAL, NAME, SHA256 (`-` if it is unknown) and URI of each, by NAME, so that jobs take the locks
# in the same order.
stage_shared() {
  local size local_name name digest uri lock locks=()
  : >"$root/missing.tsv"
  while IFS=$'\t' read -r size local_name name digest uri; do
    exec {lock}>"$cache/$name.lock"
    interruptible flock "$lock" || return 1
    if [[ -e $cache/$name ]]; then
      link_shared "$name" "$local_name" || return 1
      exec {lock}>&-
    else
      printf '%s\t%s\t%s\t%s\t%s\n' "$uri" "$root/shared.$name" "$size" "$name" "$local_name" >>"$root/missing.tsv" || return 1
      locks+=("$lock")
    fi
  done <"$part/shared.tsv"
  cut -f 1-3 "$root/missing.tsv" >"$root/downloads.tsv"
  download "$root/downloads.tsv" || return 1
  while IFS=$'\t' read -r _ path _ name local_name; do
    chmod 444 "$path" && mv "$path" "$cache/$name" && link_shared "$name" "$local_name" || return 1
  done <"$root/missing.tsv"
  for lock in "${locks[@]}"; do exec {lock}>&-; done
}

# NAME LOCAL: give the job a file of the cache.
link_shared() {
  touch -c "$cache/$1" 2>/dev/null || true
  ln -f "$cache/$1" "$work/$2" 2>/dev/null || cp "$cache/$1" "$work/$2" || return 1
}

# Compare the shared files with their digests: other jobs on this machine can write to the cache. Those that differ are
# removed from it; the last one is printed. It fails if one cannot be read, which is then no reason to remove it.
changed_shared() {
  local local_name name digest uri found
  while IFS=$'\t' read -r _ local_name name digest uri; do
    [[ $digest != - ]] || continue
    found=$(sha256_of "$work/$local_name") || return 1
    if [[ $found != "$digest" ]]; then
      rm -f "$cache/$name" "$work/$local_name"
      printf '%s\n' "$uri"
    fi
  done <"$part/shared.tsv" | tail -n 1
}

# inputs.tsv has SIZE, LOCAL, NAME (`-` if it is not shared), SHA256 and URI of each input.
list_inputs() {
  awk -F '\t' '$3 != "-"' "$part/inputs.tsv" | sort -t $'\t' -k 3,3 >"$part/shared.tsv"
  awk -F '\t' -v OFS='\t' -v work="$work" '$3 == "-" { print $5, work "/" $2, $1 }' "$part/inputs.tsv" >"$part/own.tsv"
}

stage() {
  local changed
  [[ ! -d $part/inputs ]] || find "$part/inputs" -type f -exec mv -t "$work" {} + || return 1
  stage_shared || return
  changed_shared >"$root/changed.txt" &
  wait $! || return
  if [[ -s $root/changed.txt ]]; then
    stage_shared || return
    changed=$(changed_shared) || return 1
    if [[ -n $changed ]]; then
      echo "$changed has other bytes than when it was recorded: run \`bioinfo-assets verify\`" >"$JOB_REPORT/problem"
      return 1
    fi
  fi
  reserve $(($(own_disk_kib) + $(missing_shared_kib)))
  download "$part/own.tsv"
}

# The disk space for the job's own files in KiB: what its step asks for, at least the size of its inputs and of what is
# still to be restored.
own_disk_kib() {
  local asked inputs
  asked=$(($(<"$root/disk_mib.txt") * 1024))
  inputs=$(awk -F '\t' '{ sum += $3 } END { printf "%d", sum / 1024 }' "$part/own.tsv" "$root/restored.tsv")
  echo $((asked > inputs ? asked : inputs))
}

# What this part and those after it read of the files that many jobs read, as far as the machine does not have it.
missing_shared_kib() {
  local size name sum=0 lists=("${parts[@]/%//shared.tsv}")
  while read -r size name; do
    [[ -e $cache/$name ]] || sum=$((sum + size))
  done < <(cat "${lists[@]:number}" | cut -f 1,3 | sort -u)
  echo $((sum / 1024))
}

# What the other jobs on this machine have reserved and not written yet, in KiB.
reserved_by_others_kib() {
  local file reserved used sum=0
  for file in "$disk"/job.*/reserved; do
    [[ -e $file && $file != "$root/reserved" ]] || continue
    reserved=$(cat "$file" 2>/dev/null) || continue # `$(<...)` would end the driver if the file is gone
    used=$(find "${file%/reserved}" -type f -links 1 -printf '%k\n' 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }')
    sum=$((sum + (reserved > used ? reserved - used : 0)))
  done
  echo "$sum"
}

# Reserve the disk space that the job needs, so that no job on this machine counts on the same space. If others have
# taken it, wait for a while until they free it.
reserve_disk() {
  local needed free deadline=$((SECONDS + disk_timeout_s))
  needed=$(($(own_disk_kib) + $(missing_shared_kib)))
  while true; do
    if free=$(try_to_reserve "$needed"); then return; fi
    if ((SECONDS >= deadline)) || ! compgen -G "$disk/job.*/reserved" >/dev/null; then break; fi
    printf '[driver] waiting for %s MiB of disk space; %s MiB are free\n' $((needed / 1024)) $((free / 1024)) >&2
    interruptible sleep $((disk_timeout_s < 200 ? 1 : 20))
    clean_disk
  done
  abort $TRY_AGAIN "" "the job needs $((needed / 1024)) MiB of disk space, and its machine has $((free / 1024)) MiB free in $disk: give the compute environment's machines a larger disk"
}

# KIB: replace the job's reservation, so that no job reads half of it.
reserve() {
  echo "$1" >"$root/reserved.part" && mv "$root/reserved.part" "$root/reserved"
}

# NEEDED_KIB: reserve it if that much is free; print what is free.
try_to_reserve() {
  (
    flock 6 || exit 1
    free=$(($(df --output=avail -k "$root" | tail -n 1) - $(reserved_by_others_kib)))
    echo $((free > 0 ? free : 0))
    ((free >= $1)) && reserve "$1"
  ) 6>"$cache/reservations.lock"
}

# Remove the folders of killed jobs, whose lock nobody holds or is gone, and shared files that were not used for a week.
clean_disk() {
  local alive reserved
  for alive in "$disk"/job.*/alive; do
    # A job may end, and remove its folder, just now: that is not for the log of this one.
    [[ ! -e $alive ]] || flock -n "$alive" rm -rf "${alive%/alive}" 2>/dev/null || true
  done
  for reserved in "$disk"/job.*/reserved; do
    [[ -e ${reserved%/reserved}/alive || ! -e $reserved ]] || rm -rf "${reserved%/reserved}" 2>/dev/null || true
  done
  find "$disk" -maxdepth 1 -type d -name 'job.*' -mmin +60 ! -exec test -e {}/alive \; -exec rm -rf {} + 2>/dev/null || true
  find "$cache" -type f ! -name '*.lock' -mtime +7 -delete 2>/dev/null || true
}

# The supervisor ends the script when its standard input ends: at SIGTERM, or when this process is killed. It marks the
# script's standard output line by line, and keeps the end of its standard error for the report.
run() {
  local code=0 stopped=0
  cd "$work"
  mkfifo "$part/line" || exit $TRY_AGAIN
  exec 7<>"$part/line"
  python3 -I -S "$root/job_supervisor.py" marked "$JOB_REPORT" bash "$part/script.sh" <"$part/line" 7>&- &
  script=$!
  trap 'stopped=1; exec 7>&-' TERM
  while true; do
    wait "$script" && code=0 || code=$?
    kill -0 "$script" 2>/dev/null || break
  done
  cd "$root"
  trap stop TERM
  ((!stopped)) || return $STOPPED
  ((code != TRY_AGAIN && code != STOPPED)) || code=1 # of a tool in the script, which means something else by it
  return "$code"
}

# Upload the outputs concurrently, large ones in parts, except for those of unpublished.txt. Each request has the MD5 of its bytes, which the store verifies.
# A request costs as much for a large part as for a small one.
upload() {
  local local_name round any
  mkdir "$out" "$unpublished" || return 1
  while read -r local_name; do
    mv "$work/$local_name" "$out/$local_name" || return 1
  done <"$part/outputs.txt"
  while read -r local_name; do
    mv "$out/$local_name" "$unpublished/$local_name" || return 1
  done <"$part/unpublished.txt"
  cp "$part/unpublished.txt" "$JOB_REPORT/unpublished.txt" || return 1
  any=$(find "$out" -type f -print -quit) || return 1
  [[ -n $any ]] || return 0
  for ((round = 1; round <= MAX_UPLOADS; round++)); do
    if interruptible s5cmd --log error --numworkers $MAX_CONCURRENT_UPLOADS cp --part-size 64 "$out/" "$attempt/work/"; then
      return 0
    fi
    ((round == MAX_UPLOADS)) || interruptible sleep 5
  done
  return 1
}

# Show other attempts, and the host, that the part is done.
mark_done() {
  local file
  for file in "$out"/*; do
    [[ ! -e $file ]] || printf '%s\t%s\n' "$(stat -c %s "$file")" "${file##*/}"
  done | cat <(echo "$attempt") - | s5cmd --log error pipe "$(<"$root/parts.txt")/$number"
}

# Give the parts that are still to run what they read of this one.
hand_over() {
  local later local_name maker file made from=$((number < first ? first : number + 1))
  for later in "${parts[@]:from}"; do
    while IFS=$'\t' read -r local_name maker file; do
      ((maker == number)) || continue
      made=$out/$file
      [[ -e $made ]] || made=$unpublished/$file
      ln "$made" "$later/work/$local_name" || return 1
    done <"$later/made.tsv"
  done
}

# Go on at an earlier part if those that are still to run read something of it that was not uploaded.
go_back() {
  local next maker file
  for ((next = first; next < ${#parts[@]}; next++)); do
    while IFS=$'\t' read -r _ maker file; do
      if ((maker < first)) && ! tail -n +2 "$root/done.$maker" | cut -f 2 | grep -Fxq -- "$file"; then
        first=$maker next=$((maker - 1))
        break
      fi
    done <"${parts[next]}/made.tsv"
  done
}

# NUMBER: whether an earlier attempt has done this part; its mark is in done.NUMBER then.
is_part_done() {
  s5cmd --log error cat "$(<"$root/parts.txt")/$1" >"$root/done.$1" 2>"$root/error.txt" && return
  grep -q 'given object .* not found' "$root/error.txt" && return 1
  cat "$root/error.txt" >&2
  exit $TRY_AGAIN
}

# Find out which parts earlier attempts have done, and list what the others read of them.
find_done_parts() {
  local folder size file later
  : >"$root/restored.tsv"
  [[ -e $root/parts.txt ]] || return 0
  while ((first < ${#parts[@]})) && is_part_done "$first"; do
    first=$((first + 1))
  done
  go_back
  for ((number = 0; number < first; number++)); do
    use_part "$number"
    mkdir -p "$out"
    {
      read -r folder
      while IFS=$'\t' read -r size file; do
        for later in "${parts[@]:first}"; do
          if cut -f 2,3 "$later/made.tsv" | grep -Fxq "$number"$'\t'"$file"; then
            printf '%s\t%s\t%s\n' "$folder/work/$file" "$out/$file" "$size" >>"$root/restored.tsv"
            break
          fi
        done
      done
    } <"$root/done.$number"
  done
}

# Download what earlier attempts have done, once.
restore() {
  [[ -s $root/restored.tsv ]] || return 0
  download "$root/restored.tsv" || return 1
  : >"$root/restored.tsv"
  for ((number = 0; number < first; number++)); do
    use_part "$number"
    if ! hand_over; then
      use_part "$first"
      return 1
    fi
    rm -rf "$out" # those who read it have links
  done
  use_part "$first"
}

run_part() {
  local began code=0
  [[ ! -e $root/parts.txt ]] || printf '[driver:part] %s\n' "$number" >&2
  began=$(now_ms)
  [[ -e $root/reserved ]] || reserve_disk
  if ! { restore && stage; }; then
    [[ ! -e $JOB_REPORT/problem ]] || abort $CANNOT_RUN "" "$(<"$JOB_REPORT/problem")"
    abort $TRY_AGAIN "" "$(cat "$root/failure" 2>/dev/null || echo "an input could not be downloaded: see the log")"
  fi
  account staging_ms $(($(now_ms) - began))
  run || code=$?
  ((code == 0)) || finish "$code"
  began=$(now_ms)
  upload || abort $TRY_AGAIN "" "its outputs could not be uploaded: see the log"
  account upload_ms $(($(now_ms) - began))
  account uploaded_bytes "$(find "$out" -type f -printf '%s\n' | sum)"
  touch "$JOB_REPORT/done"
  ((number + 1 < ${#parts[@]})) || trap '' TERM # the job is done, as soon as its report is there
  upload_report
  [[ ! -e $root/parts.txt ]] || mark_done || exit $TRY_AGAIN
}

mkdir -p "$cache" || exit $TRY_AGAIN
clean_disk
first=0
find_done_parts
for ((next = first; next < ${#parts[@]}; next++)); do
  use_part "$next"
  mkdir "$work" "$JOB_REPORT" "$TMPDIR" || exit $TRY_AGAIN
  head -c 98304 /dev/zero >"$JOB_REPORT/reserve" || exit $TRY_AGAIN # for the report of a job that fills the disk
  list_inputs
done
((first < ${#parts[@]})) || end_attempt 0
use_part "$first"
check_tools
for ((next = first; next < ${#parts[@]}; next++)); do
  use_part "$next"
  run_part
  hand_over || exit $TRY_AGAIN
  rm -rf "$work" "$out" "$unpublished" "$TMPDIR"
done
end_attempt 0
