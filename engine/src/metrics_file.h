/* Files in the format of Picard's metrics (htsjdk's MetricsFile and FormatUtil). */
#ifndef METRICS_FILE_H
#define METRICS_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "histogram.h"

/* Begins a file; tool: the tool of Picard whose method it is; class: its metrics class. */
void write_metrics_head(FILE *stream, const char *tool, const char *input, const char *class_name);

/* A number with at most six decimals. */
void write_number(FILE *stream, double value);

/* The same, and a tab after it. */
void write_metric(FILE *stream, double value);

/* 0 if there is nothing to divide by. */
double ratio(double part, double whole);

/* The least value that any histogram has at its place, or false if all are at their ends. */
bool next_value(int count, const histogram *const *histograms, const size_t *places, int64_t *value);

/* Writes a tab and a histogram's count of a value, if it has any counts, and moves its place on if it is that of the value. */
void write_count_of(FILE *stream, const histogram *of, size_t *place, int64_t value);

/* Columns of counts by value; those without counts are left out, and without any the whole section is. */
void write_histograms(FILE *stream, const char *bin_label, int count, const char *const *labels,
                      const histogram *const *histograms);

#endif
