"""Draw the graph of the workflow's rules."""

import job

job.start(snakemake)

from pathlib import Path

import nested

from universality.views import style
from universality.views.figures import parse_dot, rule_graph

edges = parse_dot(nested.snakemake_output(snakemake.params, "--rulegraph", "dot", "--forceall"))
style.save(rule_graph(edges), Path(snakemake.output.svg).with_suffix(""))
