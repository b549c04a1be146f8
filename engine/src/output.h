/* Outputs get their names only when all of them are whole: each is written to NAME.part, and fail() removes those. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdio.h>

/* Registers an output and returns the name to write it under. The name lasts until the program ends. */
const char *new_output(const char *name);

/* Opens a registered output for text. */
FILE *open_text(const char *name);

/* Closes it, and fails if anything of it could not be written. */
void close_text(FILE *stream, const char *name);

/* Gives all outputs their names: the last act of a subcommand, after it has closed them. */
void publish_outputs(void);

/* Removes what is unfinished. */
void discard_outputs(void);

#endif
