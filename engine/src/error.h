/* How a subcommand ends when it cannot go on: one sentence on standard error. */
#ifndef ERROR_H
#define ERROR_H

/* Prints a sentence that names a file, what is wrong with it and what to do; removes unfinished outputs; exits with 1. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a wrong command line: exits with 2. */
_Noreturn void fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
