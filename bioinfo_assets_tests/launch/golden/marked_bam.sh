#!/usr/bin/env bash
# A job's script, as launch.script renders it; it runs in the attempt's working folder. Its functions:
#   fail MESSAGE     end the job, which fails for this reason
#   warn MESSAGE     go on; the message is kept with the result
#   fact NAME VALUE  record something that was measured with the result
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

# SIZE: set digest to that of stdin. For a large file by openssl if there is one: it takes a third of the time of Debian's
# sha256sum, which is not linked to it, but is the first to start.
digest_stdin() {
  if (($1 > 1000000)) && command -v openssl >/dev/null; then
    digest=$(openssl dgst -sha256 -r) || return
  else
    digest=$(sha256sum) || return
  fi
  digest=${digest%% *}
}

# KEY LOCAL CANONICAL: print an output's line of outputs.tsv. CANONICAL is a filter of stdin, or empty for none.
describe() {
  local size bytes digest content=-
  [[ ! -L $2 ]] || fail "the script left a link as its output $1 ($2): it must be a regular file"
  [[ -f $2 ]] || fail "the script did not produce its output $1 ($2)"
  size=$(stat -c %s -- "$2")
  digest_stdin "$size" <"$2"
  bytes=$digest
  if [[ $3 == cat ]]; then
    content=$bytes
  elif [[ -n $3 ]]; then
    content=$(bash -euo pipefail -c "$3" <"$2" | { digest_stdin "$size" && printf '%s' "$digest"; }) ||
      fail "the canonical form of output $1 ($2) cannot be computed by: $3"
  fi
  printf '%s\t%s\t%s\t%s\n' "$1" "$size" "$bytes" "$content"
}

# KEY LOCAL CANONICAL ...: write outputs.tsv, reading up to $JOB_CPUS files at the same time. It is read only if the job succeeds.
describe_outputs() {
  if ((JOB_CPUS > 1 && $# > 3)); then
    describe_at_once "$@"
  else
    while (($# > 0)); do
      describe "$1" "$2" "$3"
      shift 3
    done >"$JOB_REPORT/outputs.tsv"
  fi
}

# KEY LOCAL CANONICAL ...: write the lines of outputs, several of which are read at the same time.
describe_at_once() {
  local part="$JOB_REPORT/outputs.part" pids=() n=0
  while (($# > 0)); do
    ((n < JOB_CPUS)) || wait "${pids[n - JOB_CPUS]}"
    describe "$1" "$2" "$3" >"$part.$n" &
    pids+=($!)
    n=$((n + 1))
    shift 3
  done
  for pid in "${pids[@]}"; do
    wait "$pid"
  done
  for ((i = 0; i < n; i++)); do
    printf '%s\n' "$(<"$part.$i")"
  done >"$JOB_REPORT/outputs.tsv"
  rm "$part".*
}

(
samtools sort -@ "$JOB_CPUS" -o expt.mark_dup.bam expt.aln.bam
md5sum expt.mark_dup.bam >expt.md5
)

# A `fail` in a pipe or a substitution ended only that: it ends the job here.
[[ ! -e $JOB_REPORT/problem ]] || exit 65

describe_outputs \
  bam expt.mark_dup.bam 'samtools view | grep -v '"'"'^@PG'"'"'' \
  metrics expt.metrics.txt cat \
  md5 expt.md5 ''
