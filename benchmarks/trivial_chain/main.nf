// The chain for Nextflow, in the folder of scripts.json.
include { step as step_1 } from './step.nf'
include { step as step_2 } from './step.nf'
include { step as step_3 } from './step.nf'
include { step as step_4 } from './step.nf'
include { step as step_5 } from './step.nf'
include { step as step_6 } from './step.nf'
include { step as step_7 } from './step.nf'

def scripts = new groovy.json.JsonSlurper().parse(file('scripts.json').toFile())

workflow {
    samples = channel.fromPath('data/*.txt').map { [it.baseName, it] }
    one = step_1(samples.map { it + ['step_1', scripts.step_1] })
    two = step_2(one.map { it + ['step_2', scripts.step_2] })
    three = step_3(two.map { it + ['step_3', scripts.step_3] })
    four = step_4(three.map { it + ['step_4', scripts.step_4] })
    five = step_5(four.map { it + ['step_5', scripts.step_5] })
    six = step_6(five.map { it + ['step_6', scripts.step_6] })
    step_7(six.map { it + ['step_7', scripts.step_7] })
}
