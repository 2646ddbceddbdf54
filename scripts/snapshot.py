"""Download the wanted files of a hub repository at a pinned commit."""

import job

job.start(snakemake)

from pathlib import Path

from universality.files import replacing
from universality.inputs.snapshots import fetch_snapshot

source = snakemake.params.source
with replacing(Path(snakemake.output[0])) as folder:
    fetch_snapshot(
        source["hub"],
        source["revision"],
        source["patterns"],
        folder,
        source["type"],
        allow_floating=source.get("allow_floating", False),
    )
