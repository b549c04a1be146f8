# GATK does not start with a temporary folder whose path has blanks or one of ?#%[]{}\", and a quote would end the option.
java_folder=$TMPDIR
if [[ $TMPDIR == *[^A-Za-z0-9/._+-]* ]]; then
    links=$(mktemp -d /tmp/bioinfo-assets.XXXXXX)
    trap 'rm -r "$links"' EXIT
    java_folder=$links/tmp
    ln -s "$TMPDIR" "$java_folder"
fi

# Prints the options of a JVM whose heap may use this percentage of the job's memory.
jvm() {
    printf '%s' "-Xmx$((JOB_MEMORY_MIB * $1 / 100))m -XX:+UseSerialGC -Djava.io.tmpdir=$java_folder"
}
