# Prints the options of a JVM whose heap may use this percentage of the job's memory.
jvm() { printf '%s' "-Xmx$((JOB_MEMORY_MIB * $1 / 100))m -XX:+UseSerialGC -Djava.io.tmpdir='$TMPDIR'"; }
