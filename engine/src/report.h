/* Tables in the format of GATK's reports (GATKReport v1.1). */
#ifndef REPORT_H
#define REPORT_H

#include <stddef.h>
#include <stdio.h>

enum { MOST_COLUMNS = 8, LONGEST_CELL = 32 };

/* A row: texts that outlive it, or that the row itself has room for. */
typedef struct {
    const char *cells[MOST_COLUMNS];
    char texts[MOST_COLUMNS][LONGEST_CELL];
} report_row;

typedef struct {
    const char *name, *description;
    int column_count;
    const char *columns[MOST_COLUMNS], *formats[MOST_COLUMNS]; /* names, and Java's formats, for the header */
    size_t row_count;
    /* Fills a row; called twice for each, in order. */
    void (*fill)(const void *source, size_t row, report_row *cells);
    const void *source;
} report_table;

void write_report_head(FILE *stream, int tables);

/* Columns are as wide as their widest cell; cells are aligned to the right if all of a column are numbers. */
void write_report_table(FILE *stream, const report_table *table);

#endif
