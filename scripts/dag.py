"""Draw the graph of the workflow's rules."""

import job

job.start(snakemake)

from pathlib import Path

import nested
from universality.views import style
from universality.views.figures import parse_dot, reduced, rule_graph

dot = nested.snakemake_output(snakemake, "--rulegraph", "dot", "--forceall")
edges = reduced(parse_dot(dot))
style.save(rule_graph(edges), Path(snakemake.output.svg).with_suffix(""))
