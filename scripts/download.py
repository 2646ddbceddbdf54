"""Download one pinned file from the package index and check its hash."""

import job

job.start(snakemake)

from pathlib import Path

from universality.inputs.sources import fetch_distribution

requirement, kind, sha256 = snakemake.params.distribution
target = Path(snakemake.output[0])
fetch_distribution(requirement, kind, sha256, target.parent).replace(target)
