/* What subcommands share in reading their command lines (which they do by getopt). */
#ifndef OPTIONS_H
#define OPTIONS_H

/* The whole number that an option has; outside of the limits it is wrong usage. */
int whole_number(const char *option, const char *text, int least, int most);

/* The number of threads (-@), at most 256 however many are asked for, and that of the compression (-l). */
int thread_count(const char *text);
int compression_level(const char *text);

/* Wrong usage: an option that a subcommand has not, or lacks its value. */
_Noreturn void fail_option(const char *subcommand);

/* Wrong usage if words follow the options; argv begins with the subcommand. */
void require_no_words(int argc, char **argv);

/* Wrong usage if a needed option is not given. */
void require_option(const char *option, const char *value);

#endif
