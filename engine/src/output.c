#include "output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "memory.h"

/* The only state of the program that is not passed from function to function: fail(), which may be called anywhere, has
   to know what to remove. Only the main thread registers outputs. */
enum { MOST_OUTPUTS = 32 };
static struct {
    int count;
    char *names[MOST_OUTPUTS], *parts[MOST_OUTPUTS];
} unfinished;

const char *new_output(const char *name)
{
    if (unfinished.count == MOST_OUTPUTS)
        fail("%s is one output too many: at most %d files are written", name, MOST_OUTPUTS);
    int at = unfinished.count;
    unfinished.names[at] = copy_text(name);
    unfinished.parts[at] = format_text("%s.part", name);
    unfinished.count++;
    return unfinished.parts[at];
}

FILE *open_text(const char *name)
{
    FILE *stream = fopen(new_output(name), "w");
    if (!stream)
        fail("%s cannot be written (%s): check its folder", name, strerror(errno));
    return stream;
}

void close_text(FILE *stream, const char *name)
{
    int broken = ferror(stream);
    if (fclose(stream) || broken)
        fail("%s could not be written whole (%s): check the space on its disk", name, strerror(errno));
}

void publish_outputs(void)
{
    for (int i = 0; i < unfinished.count; i++)
        if (rename(unfinished.parts[i], unfinished.names[i]))
            fail("%s cannot be given its name (%s): check its folder", unfinished.names[i], strerror(errno));
    unfinished.count = 0;
}

void discard_outputs(void)
{
    for (int i = 0; i < unfinished.count; i++)
        unlink(unfinished.parts[i]);
    unfinished.count = 0;
}
