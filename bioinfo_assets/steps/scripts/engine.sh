# The project's own program; what it reports as wrong is why the job fails. In a pipe, the first one to fail has the reason.
engine() {
    bioinfo-assets-engine "$@" 2> "engine.$1.log" && return
    [[ ! -e $JOB_REPORT/problem ]] || exit 65
    fail "$(sed -n '$s/^bioinfo-assets-engine: //p' "engine.$1.log")"
}
