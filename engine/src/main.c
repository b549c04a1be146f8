/* bioinfo-assets-engine: the steps after alignment with the results of GATK and Picard. See README.md. */
#include <htslib/hts_log.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "subcommands.h"

typedef struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
} subcommand;

static const subcommand SUBCOMMANDS[] = {
    {"aligned", run_aligned,
     "--dictionary FILE --output OUT.bam --counts OUT [--input ALIGNED.sam] [--level 1] [--threads N]"},
    {"mark", run_mark,
     "--set OUT --metrics OUT [--input ALIGNED.bam] [--distance 2500] [--umis] [--memory MIB] [--tmp DIR] [--threads N]"},
    {"finish", run_finish,
     "--set FILE --reference FASTA --output OUT.bam [--input SORTED.bam] [--index OUT] [--md5 OUT] [--level 1] [--threads N]"},
};

static const size_t SUBCOMMAND_COUNT = sizeof SUBCOMMANDS / sizeof *SUBCOMMANDS;

static int print_help(void)
{
    puts("bioinfo-assets-engine " VERSION ": the steps after alignment with the results of GATK and Picard\n");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        printf("bioinfo-assets-engine %s %s\n", SUBCOMMANDS[i].name, SUBCOMMANDS[i].usage);
    return 0;
}

int main(int argc, char **argv)
{
    hts_set_log_level(HTS_LOG_OFF); /* the program's own sentences say what is wrong */
    signal(SIGPIPE, SIG_IGN);       /* a reader that ends early is an error of writing, with its sentence */
    if (argc < 2)
        fail_usage("a subcommand is missing: see bioinfo-assets-engine --help");
    if (!strcmp(argv[1], "--help"))
        return print_help();
    if (!strcmp(argv[1], "--version"))
        return puts(VERSION) < 0;
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        if (!strcmp(argv[1], SUBCOMMANDS[i].name))
            return SUBCOMMANDS[i].run(argc - 1, argv + 1);
    fail_usage("%s is not a subcommand: see bioinfo-assets-engine --help", argv[1]);
}
