/* What subcommands share in reading their command lines (which they do by getopt_long). */
#ifndef OPTIONS_H
#define OPTIONS_H

/* The whole number that an option has; outside of the limits it is wrong usage. */
int whole_number(const char *option, const char *text, int least, int most);

/* Wrong usage if a needed option is not given. */
void require_option(const char *option, const char *value);

#endif
