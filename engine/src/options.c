#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>

#include "error.h"

enum { MAX_THREADS = 256 };

int whole_number(const char *option, const char *text, int least, int most)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most)
        fail_usage("%s %s is not valid: give a whole number from %d to %d", option, text, least, most);
    return (int)value;
}

int thread_count(const char *text)
{
    int count = whole_number("-@", text, 1, INT_MAX);
    return count < MAX_THREADS ? count : MAX_THREADS;
}

int compression_level(const char *text) { return whole_number("-l", text, 0, 9); }

void fail_option(const char *subcommand)
{
    fail_usage("%s has wrong options: see bioinfo-assets-engine --help", subcommand);
}

void require_no_words(int argc, char **argv)
{
    if (optind < argc)
        fail_usage("%s is not an option of %s: see bioinfo-assets-engine --help", argv[optind], argv[0]);
}

void require_option(const char *option, const char *value)
{
    if (!value)
        fail_usage("%s is missing: see bioinfo-assets-engine --help", option);
}
