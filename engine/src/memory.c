#include "memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static _Noreturn void out_of_memory(size_t count, size_t size)
{
    fail("there is no memory for %zu times %zu bytes: give the job more memory", count, size);
}

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory)
        out_of_memory(count, size);
    return memory;
}

void *resize(void *memory, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        out_of_memory(count, size);
    void *moved = realloc(memory, count && size ? count * size : 1);
    if (!moved)
        out_of_memory(count, size);
    return moved;
}

void *grow(void *array, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return array;
    size_t larger = *capacity ? *capacity : 16;
    while (larger < needed)
        larger = larger > SIZE_MAX / 2 ? needed : larger * 2;
    *capacity = larger;
    return resize(array, larger, size);
}

void sort_array(void *array, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    if (count > 1)
        qsort(array, count, size, compare);
}

char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(allocate(size, 1), text, size);
}

char *format_text(const char *format, ...)
{
    va_list values;
    char *text;
    va_start(values, format);
    if (vasprintf(&text, format, values) < 0)
        out_of_memory(1, 1);
    va_end(values);
    return text;
}
