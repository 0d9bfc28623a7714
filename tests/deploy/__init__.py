"""What operators get: the chart, as Helm renders it, and the images.

`chart` renders it by Helm, which npm brings; `kinds` what each kind of an operator's must say; `scaling` the number
of pods that KEDA would ask for. The values of the examples, and those of `*.yaml` here, are tried.
"""
