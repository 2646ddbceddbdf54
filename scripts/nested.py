"""Ask Snakemake about the workflow that is running."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SNAKEFILE = Path(__file__).parents[1] / "Snakefile"


def snakemake_output(snakemake: Any, *arguments: str) -> str:
    """Run Snakemake on this workflow with the job's configuration and return what it prints.

    The configuration is passed as a file, since it may have been changed on the command line or
    come from a workflow that uses this one as a module; so are the places of results. Only for
    questions (a graph, a report): nothing is run or locked.
    """
    with TemporaryDirectory() as folder:
        configfile = Path(folder) / "config.json"
        configfile.write_text(json.dumps(snakemake.config | {"pathvars": snakemake.params.places}))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
        command += ["--configfile", str(configfile), "--nolock", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"snakemake {arguments[0]}: {done.stderr.strip()} {done.stdout.strip()}")
    return done.stdout
