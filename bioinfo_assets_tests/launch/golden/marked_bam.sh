#!/usr/bin/env bash
# A job's script, as launch.script renders it; it runs in the attempt's working folder. Its functions:
#   fail SENTENCE    the job fails, and this is why
#   warn SENTENCE    the job goes on, and this is told with its result
#   fact NAME VALUE  something the job found out, kept with its result
set -euo pipefail

one_line() {
  local text="$*"
  printf '%s' "${text//[$'\t\r\n']/ }"
}

fail() {
  printf '%s\n' "$(one_line "$*")" >"$JOB_REPORT/problem"
  exit 65
}

warn() {
  printf '%s\n' "$(one_line "$*")" >>"$JOB_REPORT/warnings"
}

fact() {
  printf '%s\t%s\n' "$(one_line "$1")" "$(one_line "${@:2}")" >>"$JOB_REPORT/facts.tsv"
}

sha256_of_stdin() {
  sha256sum | cut -d ' ' -f 1
}

# KEY LOCAL CANONICAL: prints an output's line of outputs.tsv. CANONICAL is a filter of stdin, or empty for none.
describe() {
  local size bytes content=-
  [[ ! -L $2 ]] || fail "the script left output $1 ($2) as a link: it must be a file of its own"
  [[ -f $2 ]] || fail "the script ended without making its output $1 ($2)"
  size=$(stat -c %s -- "$2")
  bytes=$(sha256_of_stdin <"$2")
  if [[ $3 == cat ]]; then
    content=$bytes
  elif [[ -n $3 ]]; then
    content=$(bash -euo pipefail -c "$3" <"$2" | sha256_of_stdin) ||
      fail "the canonical form of output $1 ($2) could not be made by: $3"
  fi
  printf '%s\t%s\t%s\t%s\n' "$1" "$size" "$bytes" "$content"
}

# KEY LOCAL CANONICAL ...: writes outputs.tsv, whole or not at all, reading up to $JOB_CPUS files at once.
describe_outputs() {
  local parts="$JOB_REPORT/parts" pids=() n=0
  mkdir "$parts"
  while (($# > 0)); do
    ((n < JOB_CPUS)) || wait "${pids[n - JOB_CPUS]}"
    describe "$1" "$2" "$3" >"$parts/$n" &
    pids+=($!)
    n=$((n + 1))
    shift 3
  done
  for pid in "${pids[@]}"; do
    wait "$pid"
  done
  for ((i = 0; i < n; i++)); do
    cat "$parts/$i"
  done >"$JOB_REPORT/outputs.part"
  rm -r "$parts"
  mv "$JOB_REPORT/outputs.part" "$JOB_REPORT/outputs.tsv"
}

(
samtools sort -@ "$JOB_CPUS" -o expt.mark_dup.bam expt.aln.bam
md5sum expt.mark_dup.bam >expt.md5
)

# A sentence that was told in a pipe or a substitution ended only that: it ends the job here.
[[ ! -e $JOB_REPORT/problem ]] || exit 65

describe_outputs \
  bam expt.mark_dup.bam 'samtools view | grep -v '"'"'^@PG'"'"'' \
  metrics expt.metrics.txt cat \
  md5 expt.md5 ''
