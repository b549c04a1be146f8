/* Reads recalibration tables. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "memory.h"
#include "recalibration_table.h"

enum { TABLES = 3, MOST_FIELDS = 8 };

typedef struct {
    const char *name, *reads;
    FILE *stream;
    char *line;
    size_t capacity, number;
    recalibration_model *model;
} table_reader;

/* The columns of RecalTable0 to RecalTable2. */
static const int COLUMNS[TABLES] = {6, 6, 8};

static _Noreturn void damaged(const table_reader *reader)
{
    fail("%s is not a whole recalibration table of BaseRecalibrator with its usual covariates (line %zu): make it again",
         reader->name, reader->number);
}

static bool next_line(table_reader *reader)
{
    reader->number++;
    ssize_t size = getline(&reader->line, &reader->capacity, reader->stream);
    if (size < 0 && ferror(reader->stream))
        fail("%s cannot be read (%s): copy it again", reader->name, strerror(errno));
    if (size > 0 && reader->line[size - 1] == '\n')
        reader->line[size - 1] = '\0';
    return size >= 0;
}

/* Splits the line into its columns from the right, as the read group's name, the first, may have blanks. */
static void split(table_reader *reader, int columns, char *fields[MOST_FIELDS])
{
    char *end = reader->line + strlen(reader->line);
    for (int i = columns - 1; i > 0; i--) {
        while (end > reader->line && end[-1] == ' ')
            *--end = '\0';
        while (end > reader->line && end[-1] != ' ')
            end--;
        if (end == reader->line)
            damaged(reader);
        fields[i] = end;
    }
    while (end > reader->line && end[-1] == ' ')
        *--end = '\0';
    fields[0] = reader->line + strspn(reader->line, " ");
    if (end <= fields[0])
        damaged(reader);
}

static long long number(const table_reader *reader, const char *text, long long least, long long most)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most)
        damaged(reader);
    return value;
}

static double real(const table_reader *reader, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value < 1e18))
        damaged(reader);
    return value;
}

static tally counts_of(const table_reader *reader, char *const *fields)
{
    return (tally){number(reader, fields[0], 0, INT64_MAX), (int64_t)(real(reader, fields[1]) + 0.5)};
}

static recalibration_group *group_of(const table_reader *reader, const char *name)
{
    for (int i = 0; i < reader->model->count; i++)
        if (!strcmp(reader->model->groups[i]->name, name))
            return reader->model->groups[i];
    fail("%s has read group %s, which %s has not: give the table that was made of this BAM", reader->name, name,
         reader->reads);
}

static void read_covariate(table_reader *reader, char *const *fields, recalibration_group *group)
{
    int quality = (int)number(reader, fields[1], 0, QUALITIES - 1);
    tally counts = counts_of(reader, fields + 6);
    if (!strcmp(fields[3], "Context")) {
        int context = context_of_text(fields[2]);
        if (context == NO_CONTEXT)
            damaged(reader);
        group->by_context[quality][context] = counts;
    } else if (!strcmp(fields[3], "Cycle")) {
        group->by_cycle[quality][MOST_CYCLES + number(reader, fields[2], -MOST_CYCLES, MOST_CYCLES)] = counts;
    } else {
        damaged(reader);
    }
}

static void read_row(table_reader *reader, int table)
{
    char *fields[MOST_FIELDS];
    split(reader, COLUMNS[table], fields);
    recalibration_group *group = group_of(reader, fields[0]);
    if (strcmp(fields[table == 0 ? 1 : table == 1 ? 2 : 4], "M"))
        damaged(reader);
    if (table == 0) {
        group->reported_quality = real(reader, fields[3]);
        group->total = counts_of(reader, fields + 4);
    } else if (table == 1) {
        group->by_quality[number(reader, fields[1], 0, QUALITIES - 1)] = counts_of(reader, fields + 4);
    } else {
        read_covariate(reader, fields, group);
    }
}

/* Reads one of the tables, whose first line, with the number of rows, has been read. */
static void read_rows(table_reader *reader, int table)
{
    char *rest = reader->line;
    long long rows = -1;
    for (int i = 0; i < 3 && rest; i++)
        rest = strchr(rest + 1, ':');
    if (rest)
        rows = strtoll(rest + 1, NULL, 10);
    if (rows < 0 || !next_line(reader))
        damaged(reader);
    char title[32];
    snprintf(title, sizeof title, "#:GATKTable:RecalTable%d:", table);
    if (strcmp(reader->line, title) || !next_line(reader))
        damaged(reader);
    for (long long i = 0; i < rows; i++) {
        if (!next_line(reader))
            damaged(reader);
        read_row(reader, table);
    }
}

/* Goes to the line that gives a table's columns and rows, after the tables of arguments and of quantized qualities. */
static void seek_table(table_reader *reader, const char *columns)
{
    while (next_line(reader))
        if (!strncmp(reader->line, columns, strlen(columns)))
            return;
    damaged(reader);
}

recalibration_model *read_recalibration_table(const char *name, const read_groups *groups, const char *reads)
{
    table_reader reader = {.name = name, .reads = reads, .stream = fopen(name, "r"), .model = new_model(groups)};
    if (!reader.stream)
        fail("%s cannot be read (%s): check its name", name, strerror(errno));
    if (!next_line(&reader) || strncmp(reader.line, "#:GATKReport.v1.1:5", 19))
        damaged(&reader);
    for (int table = 0; table < TABLES; table++) {
        seek_table(&reader, COLUMNS[table] == 6 ? "#:GATKTable:6:" : "#:GATKTable:8:");
        read_rows(&reader, table);
    }
    fclose(reader.stream);
    free(reader.line);
    return reader.model;
}
