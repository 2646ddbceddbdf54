"""Download the wanted files of a hub repository at a pinned commit."""

import job

job.start(snakemake)

from pathlib import Path

from universality.inputs.snapshots import fetch_snapshot

source = snakemake.params.source
fetch_snapshot(
    source["hub"],
    source["revision"],
    source["patterns"],
    Path(snakemake.output[0]),
    source["type"],
    allow_floating=source.get("allow_floating", False),
)
