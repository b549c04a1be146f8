// One step of the chain for Nextflow, which calls this module by the name of each step.
process step {
    cpus 1
    memory '16 MB'
    publishDir { "results/${sample}" }, mode: 'link', saveAs: { "${sample}.${name}.txt" }

    input:
    tuple val(sample), path('input.txt'), val(name), val(text)

    output:
    tuple val(sample), path('output.txt')

    script:
    text
}
