/* One function for each subcommand: argv[0] is its name; it returns the exit code. */
#ifndef SUBCOMMANDS_H
#define SUBCOMMANDS_H

int run_merge(int argc, char **argv);
int run_aligned(int argc, char **argv);
int run_mark(int argc, char **argv);
int run_finish(int argc, char **argv);
int run_table(int argc, char **argv);
int run_apply(int argc, char **argv);
int run_metrics(int argc, char **argv);

#endif
