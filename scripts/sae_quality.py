"""Measure an SAE on held-out activations, and stop the study when it is not good enough."""

import job

job.start(snakemake)

import json
from pathlib import Path

import torch_job
from universality import device
from universality.errors import StudyError
from universality.features import encoding, saes
from universality.features.rows import open_activations
from universality.files import replacing

torch_job.start(snakemake)

options = snakemake.params
activations = open_activations(
    snakemake.input.activations,
    snakemake.input.tokens,
    snakemake.input.corpus,
    options.massive_norm,
)
sae = saes.load(Path(snakemake.input.sae)).fitting(activations.d, snakemake.input.sae)
measured = encoding.quality(activations, sae, device.best())
gate = options.gate
passed = measured["fvu"] <= gate["max_fvu"]
subject = f"model {snakemake.wildcards.model}, layer {snakemake.wildcards.layer}"
print(f"{subject}: {measured}")
# A random dictionary is a control and is not meant to reconstruct anything.
if not passed and gate["on_failure"] == "stop" and not gate["random"]:
    raise StudyError(
        f"gate.max_fvu: the SAE '{snakemake.wildcards.dictionary}' of {subject} leaves "
        f"{measured['fvu']:.3f} of the variance unexplained, more than {gate['max_fvu']}; is it "
        "made for this layer and hook? gate.on_failure: continue lets it pass"
    )
row = {
    "model": snakemake.wildcards.model,
    "layer": int(snakemake.wildcards.layer),
    "dictionary": snakemake.wildcards.dictionary,
    "d_in": sae.d_in,
    "d_sae": sae.d_sae,
    **measured,
    "passed": passed,
}
with replacing(Path(snakemake.output[0])) as temporary:
    temporary.write_text(json.dumps(row, indent=1) + "\n")
