/* Known sites, compressed and indexed. */
#include <htslib/bgzf.h>
#include <htslib/hts_log.h>
#include <htslib/tbx.h>
#include <stdlib.h>

#include "harness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hts_set_log_level(HTS_LOG_OFF);
    BGZF *file = bgzf_open("input.vcf.gz", "w0");
    if (!file || bgzf_write(file, data, size) < 0 || bgzf_close(file))
        abort();
    if (!tbx_index_build("input.vcf.gz", 0, &tbx_conf_vcf))
        RUN(table, "-i", "reads.bam", "-r", "genome.fa", "-k", "input.vcf.gz", "-o", "made.table");
    return 0;
}
