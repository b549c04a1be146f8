#include "error.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "output.h"

enum { LONGEST_SENTENCE = 4096 };

static _Noreturn void end(int status, const char *format, va_list values)
{
    /* The first thread that fails ends the program, and the others say nothing. */
    static atomic_flag ending = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&ending))
        pause();
    char sentence[LONGEST_SENTENCE];
    vsnprintf(sentence, sizeof sentence, format, values);
    /* Names in damaged files may have any bytes. */
    for (char *at = sentence; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    fprintf(stderr, "bioinfo-assets-engine: %s\n", sentence);
    discard_outputs();
    /* Not exit(): threads of the pool may still be at work on what its handlers would free. */
    _Exit(status);
}

void fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    end(1, format, values);
}

void fail_usage(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    end(2, format, values);
}
