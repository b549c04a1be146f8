/* Recalibration tables in the format of GATK's BaseRecalibrator. */
#ifndef RECALIBRATION_TABLE_H
#define RECALIBRATION_TABLE_H

#include "recalibration_model.h"

/* Writes a summed model. */
void write_recalibration_table(const char *name, const recalibration_model *model);

/* Reads a table's counts, totals and reported qualities into a new model for the read groups of a header. Read groups
   that the table has not stay without counts. Fails for a table that has none of the read groups. */
recalibration_model *read_recalibration_table(const char *name, const read_groups *groups, const char *reads);

#endif
