"""Draw the pictures of docs/concepts/: what sgram marks in a text, a placebo, and what evidence is for which claim.

    python docs/make_concept_pictures.py

What is marked is what `find_spans` returns. Fonts are left to the viewer.
The pictures are readable in light and dark.
"""

from html import escape
from pathlib import Path

from sgram import Span, find_spans
from sgram.lexicon import DEFAULT_LEXICON
from sgram.tagging.spans import MASK_KINDS, remove_overlaps
from sgram.text import find_words

FOLDER = Path(__file__).parent / "concepts"
TEXT = (
    "First, I need to find how many stamps he gets.\n"
    "40 drinks give 40 stamps, and 40 / 6 is 6, rest 4.\n"
    "Wait, I left out the free drinks. Let me go back.\n"
    "6 more stamps make 4 + 6 = 10, so one more drink.\n"
    "Let me double-check this in another way."
)
CHAR, LINE = 9.0, 30
"""Width of a character and height of a line, in pixels."""
STYLE = """
  text { font-family: -apple-system, "Segoe UI", Helvetica, Arial, "DejaVu Sans", sans-serif; }
  text { fill: #1f2328; font-size: 15px; }
  .code { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre; }
  .head { font-size: 16px; font-weight: 700; }
  .small { font-size: 13px; fill: #59636e; }
  .middle { text-anchor: middle; }
  .paper { fill: #ffffff; stroke: #d1d9e0; }
  .box { fill: #f6f8fa; stroke: #818b98; }
  .yes { fill: #dafbe1; stroke: #1a7f37; }
  .no { fill: #fff8c5; stroke: #9a6700; }
  .bar { fill: #0969da; }
  .random { fill: #818b98; }
  .line { stroke: #59636e; stroke-width: 1.6; fill: none; }
  .tip { fill: #59636e; }
  .deduction { fill: #ddf4ff; } .branching { fill: #fbefff; } .backtracking { fill: #ffebe9; }
  .verification { fill: #dafbe1; }
  .goal-setting { fill: #fff1c2; } .monitoring { fill: #ffe3cf; } .other { fill: #e6eaef; }
  .placebo { fill: #d8dee4; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .small { fill: #9198a1; }
    .paper { fill: #0d1117; stroke: #3d444d; }
    .box { fill: #161b22; stroke: #656c76; }
    .yes { fill: #0f2d1a; stroke: #3fb950; }
    .no { fill: #3a2d00; stroke: #d29922; }
    .bar { fill: #4493f8; }
    .random { fill: #656c76; }
    .line { stroke: #9198a1; }
    .tip { fill: #9198a1; }
    .deduction { fill: #0c2d5a; } .branching { fill: #3b1d5c; } .backtracking { fill: #67141a; }
    .verification { fill: #12401f; }
    .goal-setting { fill: #4f3b00; } .monitoring { fill: #5a2a02; } .other { fill: #2f353d; }
    .placebo { fill: #3d444d; }
  }"""


def picture(title: str, description: str, width: int, height: int, body: list[str]) -> str:
    """Return an SVG with a background of its own."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'role="img" aria-labelledby="title description">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="description">{escape(description)}</desc>',
            f"<style>{STYLE}\n</style>",
            '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path class="tip" d="M0 0 10 5 0 10z"/></marker></defs>',
            f'<rect class="paper" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="10"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def words(x: float, y: float, text: str, css: str = "") -> str:
    """Return a line of text."""
    return f'<text class="{css}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def box(x: float, y: float, width: float, height: float, css: str) -> str:
    """Return a box with round corners."""
    return f'<rect class="{css}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8"/>'


def marked_text(x: float, y: float, text: str, spans: list[tuple[int, int, str]]) -> list[str]:
    """Return the lines of a text over rectangles that mark spans; a span is (start, end, CSS class)."""
    pieces, start = [], 0
    for row, line in enumerate(text.split("\n")):
        top = y + row * LINE
        for first, last, css in spans:
            left, right = max(first, start) - start, min(last, start + len(line)) - start
            if left < right:
                place = f'x="{x + left * CHAR - 1:g}" y="{top - 17:g}" width="{(right - left) * CHAR + 2:g}"'
                pieces.append(f'<rect class="{css}" {place} height="24" rx="4"/>')
        length = f'textLength="{len(line) * CHAR:g}" lengthAdjust="spacingAndGlyphs"'
        pieces.append(f'<text class="code" x="{x:g}" y="{top:g}" xml:space="preserve" {length}>{escape(line)}</text>')
        start += len(line) + 1
    return pieces


def colored(spans: list[Span]) -> list[tuple[int, int, str]]:
    """Return the spans that are shown, with the class of their move."""
    return [(span.start, span.end, span.label) for span in remove_overlaps(spans)]


def draw_grams() -> str:
    """Draw a text with its Strategic Grams, and a legend of moves."""
    spans = colored(find_spans(TEXT, DEFAULT_LEXICON, "grams-in-sentences"))
    body = [words(28, 38, "A trace: phrases that carry the plan, and the rest, which carries it out", "head")]
    body += marked_text(28, 76, TEXT, spans)
    x = 28.0
    for move in dict.fromkeys(css for _, _, css in spans):
        body += [f'<rect class="{move}" x="{x:g}" y="228" width="18" height="18" rx="4"/>', words(x + 25, 242, move)]
        x += 50 + 8.2 * len(move)
    return picture("Strategic Grams in a trace", TEXT, 640, 264, body)


def draw_kinds() -> str:
    """Draw the three kinds of masks on one text."""
    text = "\n".join(TEXT.split("\n")[1:4])
    titles = {
        "grams": "grams: every phrase of the lexicon",
        "sentences": "sentences: whole sentences that plan",
        "grams-in-sentences": "grams-in-sentences: phrases inside sentences that plan",
    }
    body, y = [], 38
    for kind in MASK_KINDS:
        body.append(words(28, y, titles[kind], "head"))
        body += marked_text(28, y + 34, text, colored(find_spans(text, "wang2025", kind)))
        y += 150
    return picture("Three kinds of masks", "What each kind marks in the same text", 640, y - 26, body)


def random_spans(text: str, share: float) -> list[tuple[int, int, str]]:
    """Return phrases that stand at regular places of a text and cover about this share of it."""
    found, spans, covered = find_words(text), [], 0
    for index in range(2, len(found) - 2, 4):
        first, last = found[index], found[index + 2]
        if covered >= share * len(text) or set(".\n") & set(text[first.start : last.end]):
            continue
        spans.append((first.start, last.end, "placebo"))
        covered += last.end - first.start
    return spans


def draw_placebo() -> str:
    """Draw Strategic Grams beside random phrases that mark as much, and two outcomes."""
    spans = colored(find_spans(TEXT, DEFAULT_LEXICON, "grams-in-sentences"))
    share = sum(end - start for start, end, _ in spans) / len(TEXT)
    body = [words(28, 38, "Strategic Grams", "head"), *marked_text(28, 72, TEXT, spans)]
    body += [words(520, 38, "Random phrases that mark as much", "head")]
    body += marked_text(520, 72, TEXT, random_spans(TEXT, share))
    rose = ("The share of Strategic Grams rose,", "that of random phrases did not:", "it is about planning.")
    alike = ("Both rose alike: the responses", "changed in general. Nothing is", "shown of planning.")
    for x, heights, css, lines in ((28, (96, 22), "yes", rose), (520, (96, 90), "no", alike)):
        body += [box(x, 232, 460, 140, css)]
        for row, (height, kind) in enumerate(zip(heights, ("bar", "random"), strict=True)):
            left = x + 24 + 52 * row
            body.append(f'<rect class="{kind}" x="{left}" y="{356 - height}" width="36" height="{height}" rx="3"/>')
        body += [words(x + 136, 284 + 24 * row, line) for row, line in enumerate(lines)]
    return picture("A placebo", "A change counts if random phrases do not show it as well", 1010, 392, body)


def draw_conclusions() -> str:
    """Draw which evidence is needed for which claim."""
    steps = (
        ("One run, one number", "Planning share is 28 %.", "A description of these rollouts. No claim."),
        ("+ interval over problems", "It rose by 11 points [5, 17].", "This run changed, whatever the problems."),
        ("+ random phrases beside it", "Random phrases: +1.5 points.", "Planning phrases changed in this run."),
        ("+ several seeds of both arms", "HICRA less GRPO, over seeds.", "The methods differ in this setting."),
        ("+ controls of the method", "HICRA less placebo, push, scale.", "It is because the tokens plan."),
    )
    body = []
    for row, (evidence, example, claim) in enumerate(steps):
        y = 54 + 78 * row
        body += [box(28, y, 250, 58, "box"), words(44, y + 35, evidence)]
        body += [words(300, y + 35, example, "small")]
        body += [f'<path class="line" marker-end="url(#arrow)" d="M524 {y + 30}H552"/>']
        body += [box(560, y, 412, 58, "yes" if row > 1 else "box"), words(576, y + 35, claim)]
        if row:
            body.append(f'<path class="line" marker-end="url(#arrow)" d="M153 {y - 20}V{y - 3}"/>')
    for x, title in ((28, "What you have"), (300, "Example"), (560, "What you may say")):
        body.append(words(x, 34, title, "head"))
    return picture("Evidence and claims", "Each step of evidence allows one more claim", 1000, 456, body)


def main() -> None:
    """Write the four pictures."""
    pictures = {
        "strategic_grams": draw_grams(),
        "mask_kinds": draw_kinds(),
        "placebo": draw_placebo(),
        "conclusions": draw_conclusions(),
    }
    for name, svg in pictures.items():
        (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")
        print(f"concepts/{name}.svg: {len(svg):,} bytes")


if __name__ == "__main__":
    main()
