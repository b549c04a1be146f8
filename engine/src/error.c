#include "error.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "output.h"

static _Noreturn void end(int status, const char *format, va_list values)
{
    /* The first thread that fails ends the program, and the others say nothing. */
    static atomic_flag ending = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&ending))
        pause();
    fputs("bioinfo-assets-engine: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
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
