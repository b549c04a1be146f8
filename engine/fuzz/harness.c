/* In the place of error.c: a failure ends the run, and not the process. What the run had allocated is lost, so libFuzzer has to
   start a new process now and then (-fork=1 -ignore_ooms=1). */
#include "harness.h"

#include <fcntl.h>
#include <getopt.h>
#include <htslib/hts_log.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "output.h"

enum { MOST_WORDS = 32, LONGEST_SENTENCE = 4096 };

static jmp_buf end_of_run;
static pthread_t main_thread;

static _Noreturn void end(const char *format, va_list values)
{
    char sentence[LONGEST_SENTENCE];
    vsnprintf(sentence, sizeof sentence, format, values);
    if (!strstr(sentence, ": "))
        abort(); /* it does not say what to do */
    if (!pthread_equal(pthread_self(), main_thread))
        pthread_exit(NULL);
    discard_outputs();
    longjmp(end_of_run, 1);
}

void fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    end(format, values);
}

void fail_usage(const char *format, ...)
{
    (void)format;
    abort(); /* the words of a target are right */
}

void write_file(const char *name, const uint8_t *data, size_t size)
{
    FILE *stream = fopen(name, "w");
    if (!stream || fwrite(data, 1, size, stream) != size || fclose(stream))
        abort();
}

void run_once(int (*run)(int, char **), int count, const char *const *words)
{
    char *argv[MOST_WORDS + 1] = {NULL};
    for (int i = 0; i < count && i < MOST_WORDS; i++)
        argv[i] = (char *)words[i];
    hts_set_log_level(HTS_LOG_OFF);
    main_thread = pthread_self();
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nothing, STDOUT_FILENO);
    optind = 0; /* getopt begins anew */
    if (!setjmp(end_of_run))
        run(count, argv);
    close_range(nothing, ~0U, 0);
}
