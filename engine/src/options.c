#include "options.h"

#include <errno.h>
#include <stdlib.h>

#include "error.h"

int whole_number(const char *option, const char *text, int least, int most)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most)
        fail_usage("%s %s is not valid: give a whole number from %d to %d", option, text, least, most);
    return (int)value;
}

void require_option(const char *option, const char *value)
{
    if (!value)
        fail_usage("%s is missing: see bioinfo-assets-engine --help", option);
}
