"""Build data/error_kinds.json: what signals of wrong traces are worth, and how sure a decision must be.

    python data/build_error_kinds.py [--check]

Reads ../shared/data/labels/error_kinds.jsonl and the traces that it names. The weights are those of all traces that
both annotators call strategic or procedural; `benchmarks/diagnosis.py` measures them on problems that were not counted.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
from rated_errors import choose_thresholds, rated_cases

from sgram.diagnosis.kind_model import fit_kind_model
from sgram.files import canonical_json, write_atomic

OUTPUT = Path(__file__).parent / "error_kinds.json"


def main() -> None:
    """Write the file, or say whether it is what would be written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file would change")
    asked = parser.parse_args()
    cases = [case for case in rated_cases() if case.is_plan_or_slip]
    model = fit_kind_model(
        [case.names for case in cases],
        [case.kind == "procedural" for case in cases],
        choose_thresholds(cases),
        traces=len(cases),
        procedural=sum(case.kind == "procedural" for case in cases),
        annotators="two model annotators who agree, by error_kinds_guideline.md",
        files=sorted({case.file for case in cases}),
    )
    document = canonical_json(model.to_json()) + b"\n"
    if asked.check:
        raise SystemExit(OUTPUT.read_bytes() != document)
    with write_atomic(OUTPUT) as file:
        file.write(document)
    print(document.decode())


if __name__ == "__main__":
    main()
