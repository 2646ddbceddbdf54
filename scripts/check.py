"""Say in one line what is wrong with the configuration of a study (before `make run`)."""

import sys
from pathlib import Path

from universality import configuration, study
from universality.errors import StudyError

SCHEMA = Path(__file__).parents[1] / "schemas" / "config.schema.yaml"

if __name__ == "__main__":
    try:
        study.resolve(configuration.read(Path(sys.argv[1])), configuration.read(SCHEMA), Path.cwd())
    except StudyError as error:
        sys.exit(str(error))
