/* Memory, or the end of the program: no caller sees a null pointer; and sorting. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

/* Zeroed memory for `count` elements of `size` bytes. */
void *allocate(size_t count, size_t size);

/* The same memory with room for `count` elements; what is new is not zeroed. */
void *resize(void *memory, size_t count, size_t size);

/* The array with room for at least `needed` elements; its capacity at least doubles when it grows. */
void *grow(void *array, size_t *capacity, size_t needed, size_t size);

/* Sorts an array as qsort does, which must not be given a null pointer even if it has nothing to sort. */
void sort_array(void *array, size_t count, size_t size, int (*compare)(const void *, const void *));

char *copy_text(const char *text);

/* Text as by printf, in memory of its own. */
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
