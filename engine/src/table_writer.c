/* Writes recalibration tables. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "output.h"
#include "quantizer.h"
#include "recalibration_table.h"
#include "report.h"

enum { QUANTIZING_LEVELS = 16 };

typedef struct {
    const char *covariate; /* "Context" or "Cycle" */
    const char *group;
    int quality;
    char value[8];
    tally counts;
} table_row;

typedef struct {
    quality_terms terms;
    const recalibration_model *model;
    int64_t histogram[QUALITIES];
    int quantized[QUALITIES];
    table_row *rows; /* of the table that is being written */
    size_t count, capacity;
} table_source;

static const char *const ARGUMENTS[][2] = {
    {"binary_tag_name", "null"},
    {"covariate", "ReadGroupCovariate,QualityScoreCovariate,ContextCovariate,CycleCovariate"},
    {"default_platform", "null"},
    {"deletions_default_quality", "45"},
    {"force_platform", "null"},
    {"indels_context_size", "3"},
    {"insertions_default_quality", "45"},
    {"low_quality_tail", "2"},
    {"maximum_cycle_value", "500"},
    {"mismatches_context_size", "2"},
    {"mismatches_default_quality", "-1"},
    {"no_standard_covs", "false"},
    {"quantizing_levels", "16"},
    {"recalibration_report", "null"},
    {"run_without_dbsnp", "false"},
    {"solid_nocall_strategy", "THROW_EXCEPTION"},
    {"solid_recal_mode", "SET_Q_ZERO"},
};

static void set_number(report_row *row, int column, int64_t value)
{
    snprintf(row->texts[column], LONGEST_CELL, "%lld", (long long)value);
    row->cells[column] = row->texts[column];
}

static void set_real(report_row *row, int column, int digits, double value)
{
    snprintf(row->texts[column], LONGEST_CELL, "%.*f", digits, value);
    row->cells[column] = row->texts[column];
}

static void set_counts(report_row *row, int column, tally counts)
{
    set_number(row, column, counts.observations);
    set_real(row, column + 1, 2, (double)counts.errors);
}

static void fill_argument(const void *source, size_t row, report_row *cells)
{
    (void)source;
    cells->cells[0] = ARGUMENTS[row][0];
    cells->cells[1] = ARGUMENTS[row][1];
}

static void write_arguments(FILE *stream)
{
    report_table table = {"Arguments", "Recalibration argument collection values used in this run", 2,
                          {"Argument", "Value"}, {"%s", "%s"}, sizeof ARGUMENTS / sizeof *ARGUMENTS, fill_argument,
                          NULL};
    write_report_table(stream, &table);
}

static void fill_quantized(const void *source, size_t row, report_row *cells)
{
    const table_source *from = source;
    set_number(cells, 0, (int64_t)row);
    set_number(cells, 1, from->histogram[row]);
    set_number(cells, 2, from->quantized[row]);
}

static void write_quantized(FILE *stream, table_source *source)
{
    for (size_t i = 0; i < source->count; i++) {
        const table_row *row = &source->rows[i];
        int quality = empirical_quality(&source->terms, row->counts, row->quality);
        source->histogram[quality] += row->counts.observations;
    }
    quantize(source->histogram, QUANTIZING_LEVELS, source->quantized);
    report_table table = {"Quantized", "Quality quantization map", 3, {"QualityScore", "Count", "QuantizedScore"},
                          {"%d", "%d", "%d"}, QUALITIES, fill_quantized, source};
    write_report_table(stream, &table);
}

static void fill_group(const void *source, size_t row, report_row *cells)
{
    const table_source *from = source;
    const recalibration_group *group = from->model->groups[from->rows[row].quality];
    cells->cells[0] = group->name;
    cells->cells[1] = "M";
    set_real(cells, 2, 4, empirical_quality(&from->terms, group->total, group->reported_quality));
    set_real(cells, 3, 4, group->reported_quality);
    set_counts(cells, 4, group->total);
}

/* A row of the table of read groups is the index of one that has counts. */
static void write_groups(FILE *stream, table_source *source)
{
    source->count = 0;
    for (int i = 0; i < source->model->count; i++)
        if (source->model->groups[i]->total.observations) {
            source->rows = grow(source->rows, &source->capacity, source->count + 1, sizeof *source->rows);
            source->rows[source->count++].quality = i;
        }
    report_table table = {"RecalTable0", "", 6,
                          {"ReadGroup", "EventType", "EmpiricalQuality", "EstimatedQReported", "Observations", "Errors"},
                          {"%s", "%s", "%.4f", "%.4f", "%d", "%.2f"}, source->count, fill_group, source};
    write_report_table(stream, &table);
}

static void add_row(table_source *source, const char *covariate, const char *group, int quality, tally counts)
{
    source->rows = grow(source->rows, &source->capacity, source->count + 1, sizeof *source->rows);
    source->rows[source->count++] = (table_row){covariate, group, quality, "", counts};
}

static void list_qualities(table_source *source)
{
    source->count = 0;
    for (int i = 0; i < source->model->count; i++)
        for (int quality = 0; quality < QUALITIES; quality++) {
            const recalibration_group *group = source->model->groups[i];
            if (group->by_quality[quality].observations)
                add_row(source, "", group->name, quality, group->by_quality[quality]);
        }
}

static void fill_quality(const void *source, size_t row, report_row *cells)
{
    const table_source *from = source;
    const table_row *filled = &from->rows[row];
    cells->cells[0] = filled->group;
    set_number(cells, 1, filled->quality);
    cells->cells[2] = "M";
    set_real(cells, 3, 4, empirical_quality(&from->terms, filled->counts, filled->quality));
    set_counts(cells, 4, filled->counts);
}

static void write_qualities(FILE *stream, table_source *source)
{
    list_qualities(source);
    report_table table = {"RecalTable1", "", 6,
                          {"ReadGroup", "QualityScore", "EventType", "EmpiricalQuality", "Observations", "Errors"},
                          {"%s", "%d", "%s", "%.4f", "%d", "%.2f"}, source->count, fill_quality, source};
    write_report_table(stream, &table);
}

static int by_value(const void *first, const void *second)
{
    return strcmp(((const table_row *)first)->value, ((const table_row *)second)->value);
}

/* Adds the rows of one read group and quality, sorted by the covariates' texts. */
static void add_covariates(table_source *source, const recalibration_group *group, int quality)
{
    size_t from = source->count;
    for (int context = 0; context < CONTEXTS; context++)
        if (group->by_context[quality][context].observations) {
            add_row(source, "Context", group->name, quality, group->by_context[quality][context]);
            context_text(context, source->rows[source->count - 1].value);
        }
    for (int cycle = 0; cycle < CYCLES; cycle++)
        if (group->by_cycle[quality][cycle].observations) {
            add_row(source, "Cycle", group->name, quality, group->by_cycle[quality][cycle]);
            table_row *row = &source->rows[source->count - 1];
            snprintf(row->value, sizeof row->value, "%d", cycle - MOST_CYCLES);
        }
    if (source->count > from)
        sort_array(source->rows + from, source->count - from, sizeof *source->rows, by_value);
}

static void fill_covariate(const void *source, size_t row, report_row *cells)
{
    const table_source *from = source;
    const table_row *filled = &from->rows[row];
    cells->cells[0] = filled->group;
    set_number(cells, 1, filled->quality);
    cells->cells[2] = filled->value;
    cells->cells[3] = filled->covariate;
    cells->cells[4] = "M";
    set_real(cells, 5, 4, empirical_quality(&from->terms, filled->counts, filled->quality));
    set_counts(cells, 6, filled->counts);
}

static void write_covariates(FILE *stream, table_source *source)
{
    source->count = 0;
    for (int i = 0; i < source->model->count; i++)
        for (int quality = 0; quality < QUALITIES; quality++)
            if (source->model->groups[i]->by_quality[quality].observations)
                add_covariates(source, source->model->groups[i], quality);
    report_table table = {"RecalTable2", "", 8,
                          {"ReadGroup", "QualityScore", "CovariateValue", "CovariateName", "EventType",
                           "EmpiricalQuality", "Observations", "Errors"},
                          {"%s", "%d", "%s", "%s", "%s", "%.4f", "%d", "%.2f"}, source->count, fill_covariate, source};
    write_report_table(stream, &table);
}

void write_recalibration_table(const char *name, const recalibration_model *model)
{
    FILE *stream = open_text(name);
    table_source source = {.terms = make_quality_terms(), .model = model};
    write_report_head(stream, 5);
    write_arguments(stream);
    list_qualities(&source);
    write_quantized(stream, &source);
    write_groups(stream, &source);
    write_qualities(stream, &source);
    write_covariates(stream, &source);
    free(source.rows);
    close_text(stream, name);
}
