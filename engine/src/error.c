#include "error.h"

#include <limits.h>
#include <locale.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "output.h"

enum { LONGEST_SENTENCE = 4096 };

/* Names in damaged files may have any bytes, and those of files are UTF-8. */
static void make_printable(char *text)
{
    mbstate_t state = {0};
    wchar_t character;
    setlocale(LC_CTYPE, "C.UTF-8");
    for (size_t size; *text; text += size) {
        size = mbrtowc(&character, text, strlen(text), &state);
        if (size > MB_LEN_MAX || iswcntrl((wint_t)character)) {
            *text = '?';
            size = 1;
            state = (mbstate_t){0};
        }
    }
}

static _Noreturn void end(int status, const char *format, va_list values)
{
    /* The first thread that fails ends the program, and the others say nothing. */
    static atomic_flag ending = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&ending))
        pause();
    char sentence[LONGEST_SENTENCE];
    vsnprintf(sentence, sizeof sentence, format, values);
    make_printable(sentence);
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
