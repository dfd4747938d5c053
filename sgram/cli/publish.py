"""``sgram publish``: send a lexicon or a scorer with its card to the Hugging Face hub."""

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from sgram.cli.console import note, print_json, print_line
from sgram.cli.option_groups import ADVANCED, OUTPUT
from sgram.cli.path_checks import check_no_options, check_one_stdin
from sgram.cli.shared_flags import REPEATABLE, AsJson, path_argument
from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.hub.addresses import check_repository
from sgram.hub.card import CardFields
from sgram.lexicon import Lexicon, SentenceScorer
from sgram.safe_reading import read_bytes
from sgram.urls import printable_name

if TYPE_CHECKING:
    from sgram.mining.classifier import GramClassifier

MAX_VALIDATION_BYTES = 64 << 20


@Parameter(name="*")
@dataclass(frozen=True)
class CardFlags:
    """What the card says beside what the file says of itself."""

    license: str | None = None
    """Identifier of the license, such as apache-2.0; left out if it is not given."""
    language: Annotated[tuple[str, ...], REPEATABLE] = ()
    """Code of the traces' language, such as en; may be repeated."""
    dataset: Annotated[tuple[str, ...], REPEATABLE] = ()
    """Data set of the hub that the traces are part of, as owner/name; may be repeated."""
    base_model: Annotated[tuple[str, ...], REPEATABLE] = ()
    """Model of the hub that sampled the traces, as owner/name; may be repeated."""
    validation: Annotated[str | None, path_argument("File with what sgram validate --json printed of it.")] = None

    def read(self) -> CardFields:
        """Return the fields. Raise `UsageError` for an invalid identifier, `InputError` for an unusable file."""
        validation = None if self.validation is None else _read_validation(self.validation)
        return CardFields(self.license, self.language, self.dataset, self.base_model, validation)


def publish(
    file: Annotated[str, path_argument("A lexicon, sentence scorer or classifier of grams: its file, or a preset.")],
    repository: Annotated[str, Parameter(help="Repository of the hub, as owner/name; it is created if missing.")],
    /,
    *,
    card: CardFlags = CardFlags(),
    private: Annotated[
        bool | None,
        Parameter(negative="--public", help="Make a new repository private, or public; default: as its owner has set."),
    ] = None,
    revision: Annotated[str | None, Parameter(help="Branch of the repository; it is created if missing.")] = None,
    yes: Annotated[bool, Parameter(negative="", help="Publish without asking.")] = False,
    dry_run: Annotated[
        bool, Parameter(negative="", group=OUTPUT, help="Print the card and the files, and send nothing.")
    ] = False,
    endpoint: Annotated[
        str | None, Parameter(group=ADVANCED, help="Address of another hub; default: HF_ENDPOINT, else the public one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish a lexicon or scorer on the Hugging Face hub, with a card made of what it says of itself.

    The card has its size, grams, origin, figures and limits. Others load it by hf://owner/name.

    sgram publish lexicon.json owner/name --dry-run

    sgram publish lexicon.json owner/name --private --license mit --yes

    The token is that of hf auth login, or of HF_TOKEN.
    """
    check_no_options([file], "publish")
    check_one_stdin([file, *([card.validation] if card.validation else [])])
    name = check_repository(repository)
    if dry_run and yes:
        raise UsageError("--dry-run sends nothing, --yes sends at once; leave one out")
    if file == "-" and not yes and not dry_run:
        raise UsageError("stdin is the file, so that nobody can be asked; give --yes to publish, or --dry-run")
    published = _load(file)
    fields = card.read()
    files = published.hub_files(name, fields)
    if dry_run:
        _print_plan(name, published.digest, files, as_json)
        return
    if not yes:
        _ask(name, files, private)
    commit = published.push_to_hub(name, private=private, revision=revision, card=fields, endpoint=endpoint)
    if as_json:
        print_json("published", {**commit._asdict(), "digest": published.digest, "files": _sizes(files)})
    else:
        print_line(commit.address)
    note(f"published at {commit.url}; load it by hf://{name}")


def _load(path: str) -> "Lexicon | SentenceScorer | GramClassifier":
    """Return the value in a file, by the format that it names, or the preset of a lexicon or sentence scorer."""
    from sgram.lexicon.document import find_lexicon, read_document
    from sgram.mining.classifier import FORMAT as CLASSIFIER_FORMAT
    from sgram.mining.classifier import GramClassifier

    document = read_document(find_lexicon(path))
    where = printable_name(path)
    kind = document.get("format") if isinstance(document, dict) else None
    if kind == "sgram-lexicon":
        return Lexicon.from_json(document, where)
    if kind == "sgram-sentence-scorer":
        return SentenceScorer.from_json(document, where)
    if kind == CLASSIFIER_FORMAT:
        return GramClassifier.from_json(document, where)
    raise InputError(
        f"{where} is not a lexicon, sentence scorer or classifier of grams ({excerpt(str(kind), 40)}); name a file "
        "that sgram mine or sgram validate wrote"
    )


def _read_validation(path: str) -> Any:
    try:
        return json.loads(read_bytes(path, MAX_VALIDATION_BYTES, "validation figures"))
    except ValueError as error:
        raise InputError(
            f"{printable_name(path)} is not JSON: {excerpt(str(error))}; give what sgram validate --json printed"
        ) from None


def _sizes(files: dict[str, bytes]) -> dict[str, int]:
    return {name: len(content) for name, content in files.items()}


def _print_plan(name: str, digest: str, files: dict[str, bytes], as_json: bool) -> None:
    """Print the card and what would be sent."""
    if as_json:
        card = files["README.md"].decode()
        print_json("publish-plan", {"repository": name, "digest": digest, "files": _sizes(files), "card": card})
    else:
        for line in files["README.md"].decode().splitlines():
            print_line(line)
    sizes = ", ".join(f"{file_name} ({size:,} bytes)" for file_name, size in _sizes(files).items())
    note(f"would send {sizes} to {name}; nothing was sent")


def _ask(name: str, files: dict[str, bytes], private: bool | None) -> None:
    """Ask on the terminal whether to publish. Raise `UsageError` if nobody can be asked or the answer is no."""
    if not sys.stdin.isatty():
        raise UsageError(f"publishing to {name} needs --yes; --dry-run shows what would be sent")
    visibility = {True: "private", False: "public", None: "public, unless its owner has set otherwise"}[private]
    note(f"publish {' and '.join(files)} to {name} ({visibility}, if it is new)? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was published; --dry-run shows what would be sent")
