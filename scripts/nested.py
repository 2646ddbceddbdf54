"""Ask Snakemake about the workflow that is running."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SNAKEFILE = Path(__file__).parents[1] / "Snakefile"


def snakemake_output(snakemake: Any, *arguments: str) -> str:
    """Run Snakemake on the same Snakefile and configuration and return what it prints.

    The configuration is passed as a file, since it may have been changed on the command line. Only
    for questions (a graph, a report): nothing is run or locked.
    """
    with TemporaryDirectory() as folder:
        configfile = Path(folder) / "config.json"
        configfile.write_text(json.dumps(snakemake.config))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
        command += ["--configfile", str(configfile), "--nolock", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"snakemake {arguments[0]}: {done.stderr.strip()} {done.stdout.strip()}")
    return done.stdout
