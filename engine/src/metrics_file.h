/* Files in the format of Picard's metrics (htsjdk's MetricsFile and FormatUtil). */
#ifndef METRICS_FILE_H
#define METRICS_FILE_H

#include <stdio.h>

#include "histogram.h"

/* Begins a file; tool: the tool of Picard whose method it is; class: its metrics class. */
void write_metrics_head(FILE *stream, const char *tool, const char *input, const char *class_name);

/* A number with at most six decimals, and a tab after it. */
void write_metric(FILE *stream, double value);

/* 0 if there is nothing to divide by. */
double ratio(double part, double whole);

/* Columns of counts by value; those without counts are left out, and without any the whole section is. */
void write_histograms(FILE *stream, const char *bin_label, int count, const char *const *labels,
                      const histogram *const *histograms);

#endif
