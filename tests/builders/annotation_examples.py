"""Items by hand and at random, and simulated annotators who fill in the exports of each tool."""

import csv
import io
import json

from hypothesis import strategies as st

from sgram.annotation.items import LABELS, Item, Sample

NASTY = (
    "Wait, let me check.",
    "=1+1",
    "+cmd",
    "-5",
    "@SUM(A1)",
    "\ttab",
    "\rreturn",
    "'quoted",
    "''twice",
    'he said "so"',
    "a,b;c\td",
    "line\nbreak",
    "windows\r\nbreak",
    "old\rmac",
    "👩\u200d💻 🇩🇪 \U0001f44d\U0001f3fd",
    "e\u0301 \u0915\u094d\u0937",
    "שלום עולם",
    "مرحبا \u202eabc\u202c",
    "⟦marked⟧",
    "a\x00b\x1b[2J",
    "\u2028\u2029\x85",
    "\ufeffbom",
    "<b>&amp;</b>",
    "\\u202e",
)
texts = st.lists(st.sampled_from(NASTY) | st.text(max_size=12), min_size=1, max_size=5).map("".join).filter(bool)


def item(name="a1", text="But wait, is it?", gram="wait", kind="sg", **fields):
    start = text.index(gram)
    cluster_and_move = {"cluster": 0, "move": "backtracking"} if kind == "sg" else {"cluster": None, "move": None}
    offsets = {"start": start, "end": start + len(gram)}
    fields = {"trace": "t1", "model": None, **offsets, **cluster_and_move, **fields}
    return Item(item=name, kind=kind, gram=gram, text=text, **fields)


def sample(*items, lexicon="d" * 64, seed=0, **source):
    return Sample(lexicon, seed, items, source)


@st.composite
def samples(draw):
    """Samples of up to five items of any text."""
    items = []
    for number in range(draw(st.integers(1, 5))):
        text = draw(texts)
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, len(text)))
        kind = draw(st.sampled_from(["sg", "control"]))
        items.append(item(f"{number:012x}", text, text[start:end], kind, start=start, end=end))
    return sample(*items)


@st.composite
def filled_samples(draw):
    """(sample, {item: label, None if skipped}) with at least one label."""
    sampled = draw(samples())
    labels = [draw(st.sampled_from(LABELS)), *(draw(st.sampled_from((*LABELS, None))) for _ in sampled.items[1:])]
    return sampled, dict(zip([sampled_item.item for sampled_item in sampled.items], labels, strict=True))


# -- annotators: functions of (exported bytes, labels by item, rater) to the bytes that the tool exports ---------------


def in_label_studio(data, labels, rater):
    tasks = json.loads(data)
    for number, task in enumerate(tasks):
        label = labels[task["data"]["item"]]
        choice = {"choices": [label]}
        result = [{"value": choice, "id": "x", "from_name": "label", "to_name": "text", "type": "choices"}]
        task |= {
            "id": 100 + number,
            "drafts": [],
            "predictions": [],
            "meta": {},
            "annotations": [
                {
                    "id": number,
                    "completed_by": {"id": 3, "email": rater},
                    "was_cancelled": label is None,
                    "result": result if label else [],
                    "lead_time": 1.5,
                }
            ],
        }
    return json.dumps(tasks).encode()


def in_label_studio_flat(data, labels, rater):
    """The rows of Label Studio's CSV and JSON-MIN: one per annotation, without those that were skipped."""
    return [
        {
            "id": 100 + number,
            **task["data"],
            "label": labels[task["data"]["item"]],
            "annotator": rater,
            "annotation_id": number,
            "created_at": "2026-01-02T03:04:05Z",
            "updated_at": "2026-01-02T03:04:06Z",
            "lead_time": 1.5,
        }
        for number, task in enumerate(json.loads(data))
        if labels[task["data"]["item"]]
    ]


def in_label_studio_min(data, labels, rater):
    return json.dumps(in_label_studio_flat(data, labels, rater)).encode()


def in_label_studio_csv(data, labels, rater):
    rows = in_label_studio_flat(data, labels, rater)
    saved = io.StringIO(newline="")
    table = csv.DictWriter(saved, rows[0])
    table.writeheader()
    table.writerows(rows)
    return saved.getvalue().encode()


def in_prodigy(data, labels, rater):
    rows = []
    for line in data.decode().split("\n")[:-1]:
        row = json.loads(line)
        label = labels[row["item"]]
        answer = {"accept": [label], "answer": "accept"} if label else {"accept": [], "answer": "ignore"}
        hashes = {"_input_hash": -5, "_task_hash": 7, "_view_id": "choice", "_timestamp": 1}
        rows.append(json.dumps({**row, **answer, **hashes, "_annotator_id": rater, "_session_id": rater}))
    return ("\n".join(rows) + "\n").encode()


def in_doccano(data, labels, rater):
    """Sequence labeling: the span of the phrase gets the label."""
    rows = []
    for number, line in enumerate(data.decode().split("\n")[:-1]):
        row = json.loads(line)
        label, ((start, end, _),) = labels[row["item"]], row["label"]
        rows.append({**row, "id": number, "label": [[start, end, label]] if label else row["label"], "user": rater})
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def in_doccano_documents(data, labels, rater):
    """Classification: the document gets the label."""
    rows = [json.loads(line) for line in data.decode().split("\n")[:-1]]
    filled_rows = [
        {**row, "label": [labels[row["item"]]] if labels[row["item"]] else [], "user": rater} for row in rows
    ]
    return "".join(json.dumps(row) + "\n" for row in filled_rows).encode()


def in_a_spreadsheet(data, labels, rater, delimiter=","):
    """Fill in the table and save it again, with quotes only where needed."""
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    saved = io.StringIO(newline="")
    table = csv.DictWriter(saved, rows[0], delimiter=delimiter)
    table.writeheader()
    for row in rows:
        table.writerow({**row, "label": labels[row["item"]] or "", "rater": rater})
    return saved.getvalue().encode()


ANNOTATORS = {
    "label-studio": [in_label_studio],
    "prodigy": [in_prodigy],
    "doccano": [in_doccano, in_doccano_documents],
    "csv": [in_a_spreadsheet, lambda *annotation: in_a_spreadsheet(*annotation, delimiter=";")],
}
