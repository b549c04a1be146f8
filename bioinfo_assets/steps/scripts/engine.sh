# The project's own program; what it reports as wrong is why the job fails.
engine() { bioinfo-assets-engine "$@" 2> "engine.$1.log" || engine_failed "$1" $?; }

# Ends the job. In a pipe, the first one to fail has the reason, also if it was killed and has no sentence.
engine_failed() { # subcommand, exit code
    local reason
    [[ ! -e $JOB_REPORT/problem ]] || exit 65
    [[ ! -e killed ]] || exit "$(< killed)"
    reason=$(sed -n '$s/^bioinfo-assets-engine: //p' "engine.$1.log")
    [[ -z $reason ]] || fail "$reason"
    printf '%s' "$2" > killed
    exit "$2"
}
