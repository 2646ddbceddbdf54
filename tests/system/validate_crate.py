"""Validate an RO-Crate against the profiles it claims, without a network; print what is wrong.

Run with the Python that has roc-validator: validate_crate.py CRATE CONTEXT, where CONTEXT is the
JSON-LD context of RO-Crate that comes with rocrate. The validator would fetch that of release 1.1.
"""

import sys
from pathlib import Path
from unittest.mock import patch

import requests
from rocrate_validator import models, services

crate, context = sys.argv[1:]
# Release 1.1 has another name for Bioschemas' terms than the later release that rocrate brings.
TEXT = Path(context).read_text().replace("https://bioschemas.org/terms/", "https://bioschemas.org/")


def send(_adapter: object, request: requests.PreparedRequest, **_options: object) -> object:
    """Answer every request for the context, and no other."""
    if not str(request.url).startswith("https://w3id.org/ro/crate/1.1/context"):
        raise requests.ConnectionError(f"no network: {request.url}")
    response = requests.Response()
    response.status_code, response.url = 200, str(request.url)
    response.headers["Content-Type"] = "application/ld+json"
    response._content = TEXT.encode()
    return response


found = []
with patch("requests.adapters.HTTPAdapter.send", send):
    for profile in ("ro-crate-1.1", "process-run-crate-0.5", "workflow-run-crate-0.5"):
        settings = services.ValidationSettings(
            rocrate_uri=models.URI(crate),
            profile_identifier=profile,
            requirement_severity=models.Severity.REQUIRED,
            no_cache=True,
            skip_availability_check=True,
        )
        result = services.validate(settings)
        found += [f"{issue.check.identifier}: {issue.message}" for issue in result.get_issues()]
# The validator takes the standard streams for itself.
Path("found.txt").write_text("\n".join(found))
