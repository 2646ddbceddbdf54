"""An edited file of the workflow reruns the rules that use it, and what follows; nothing else."""

import re
from contextlib import ExitStack

import pytest

from checkouts import ROOT, Checkout
from dry_runs import planned, replaced
from reruns import FILES, JOBS, RULES, SCRIPTS, after, after_editing, rules_of
from universality import modules


def test_the_jobs_of_the_tiny_study(scratch: Checkout) -> None:
    assert planned(scratch, "--forceall") == JOBS


@pytest.mark.parametrize("file", FILES)
def test_who_uses_a_file(file: str) -> None:
    scripts = {rule: SCRIPTS / f"{rule}.py" for rule in RULES}
    using = [rule for rule, s in scripts.items() if SCRIPTS / file in modules.dependencies(s)]
    assert sorted(using) == sorted(rules_of(file))


@pytest.mark.parametrize("file", [file for file in FILES if rules_of(file)])
def test_an_edited_script_or_module(scratch: Checkout, file: str) -> None:
    path = scratch.root / "scripts" / file
    with replaced(path, path.read_bytes() + b"\n# edited\n"):
        assert planned(scratch) == after_editing(file)


def test_edited_files_that_no_rule_uses(scratch: Checkout) -> None:
    with ExitStack() as edits:
        for file in (file for file in FILES if not rules_of(file)):
            path = scratch.root / "scripts" / file
            edits.enter_context(replaced(path, path.read_bytes() + b"\n# edited\n"))
        assert planned(scratch) == {}


def edited(scratch: Checkout, file: str, old: str, new: str) -> dict[str, int]:
    """Return what is to do after `old` was replaced in a file."""
    path = scratch.root / file
    assert old in path.read_text()
    with replaced(path, path.read_text().replace(old, new, 1).encode()):
        return planned(scratch)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("schemas/config.schema.yaml", "# JSON schema", "# The JSON schema"),
        ("rules/common.smk", "# Everything that", "# All that"),
        ("rules/similarity.smk", "# How similar", "#\n\n# How similar"),
        ("Snakefile", "# Do different", "# Does it: do different"),
        ("envs/scores.yaml", "dependencies:", "dependencies: # of this rule\n  - tzdata"),
    ],
)
def test_what_no_result_depends_on(scratch: Checkout, file: str, old: str, new: str) -> None:
    assert edited(scratch, file, old, new) == {}


def test_a_file_that_no_rule_reads(scratch: Checkout) -> None:
    (scratch.root / "README.md").write_text("About this study.")
    assert planned(scratch) == {}


def test_a_rule_that_asks_for_more_memory_is_drawn_again_at_most(scratch: Checkout) -> None:
    # The figure of the rules cannot know whether an edit of the rules shows in it.
    assert edited(scratch, "rules/similarity.smk", "3000 * attempt", "3500 * attempt") == after(
        "dag"
    )


@pytest.mark.parametrize("caption", ["grid", "workflow"])
def test_a_caption_of_the_report(scratch: Checkout, caption: str) -> None:
    path = scratch.root / "report" / f"{caption}.rst"
    with replaced(path, path.read_bytes() + b"\nMore.\n"):
        assert planned(scratch) == after("report")


def test_the_numbers_that_the_source_stored(scratch: Checkout) -> None:
    old, new = '"texts_x_tokens"', '"texts_and_tokens"'
    assert edited(scratch, "resources/published.json", old, new) == after("tables")


def test_a_touched_file_of_the_workflow(scratch: Checkout) -> None:
    """Content counts, not dates: neither a checkout of git nor a copy makes a rerun."""
    for folder in ("scripts", "rules", "schemas", "report", "envs", "studies", "resources"):
        for path in (scratch.root / folder).rglob("*"):
            path.touch()
    assert planned(scratch) == {}


def test_a_new_default_of_the_schema(scratch: Checkout) -> None:
    # The tiny study leaves sae_lens to the schema.
    old, new = "              default: {}", "              default: {a: 1}"
    assert edited(scratch, "schemas/config.schema.yaml", old, new) == after("sae")


def test_each_rule_runs_a_script_that_counts() -> None:
    """No `shell` or `run`: rules rerun by what `code` says, not by Snakemake's trigger."""
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    blocks = re.split(r"^rule (?=\w+:$)", text, flags=re.MULTILINE)[1:]
    by_name = {block.split(":", 1)[0]: block for block in blocks if "\n    output:" in block}
    assert sorted(by_name) == sorted(RULES)
    for rule, block in by_name.items():
        assert f'code=code("{rule}"),\n    script:\n        "../scripts/{rule}.py"' in block
