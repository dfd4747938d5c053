
// The text of a trace with its marks, built by DOM calls from a record (sgram/reports/pages/trace_records.py), and what
// can be done with it: next planning phrase, next diagnosis, copy, formulas as written.
const traceText = (() => {
  "use strict";
  const MOVES = ["deduction", "branching", "backtracking", "verification", "goal-setting", "monitoring", "other"];
  const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
  const HARMLESS = new Set(["\n", "\t", "\u200c", "\u200d"]);
  const BLANK_LINES = /\n(?:[ \t]*\n){2,}/g;
  const STRIP_WIDTH = 1000;
  const MOST_BARS = 250;
  const SVG = "http://www.w3.org/2000/svg";

  function make(tag, name, ...parts) {
    const made = document.createElement(tag);
    if (name) made.className = name;
    made.append(...parts);
    return made;
  }

  // control, bidi and other invisible characters as visible escapes, so that no text can turn or hide another
  function plain(text) {
    const lines = text.replaceAll("\r\n", "\n").replace(BLANK_LINES, "\n\n");
    if (!HIDDEN.test(lines.replaceAll("\n", " ").replaceAll("\t", " "))) return [lines];
    const parts = [];
    let run = "";
    for (const character of lines) {
      if (!HIDDEN.test(character) || HARMLESS.has(character)) {
        run += character;
        continue;
      }
      if (run) parts.push(run);
      run = "";
      const code = character.codePointAt(0);
      const [sign, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
      parts.push(make("span", "escape", character === "\r" ? "\\r" : "\\" + sign + code.toString(16).padStart(width, "0")));
    }
    if (run) parts.push(run);
    return parts;
  }

  // -- marks ------------------------------------------------------------------------------------------

  function letter(number) {
    let letters = "";
    for (; number; number = Math.floor((number - 1) / 26)) letters = String.fromCharCode(97 + (number - 1) % 26) + letters;
    return letters;
  }

  function marksOf(record) {
    const marks = [];
    for (let at = 0, end = 0; at < record.spans.length; at += 3) {
      const start = end + record.spans[at];
      end = start + record.spans[at + 1];
      marks.push({start, end, layer: "move", name: MOVES[record.spans[at + 2]]});
    }
    for (const [start, end, wrong, title, number] of record.equations) marks.push({start, end, layer: "equation", wrong, title, number});
    record.evidence.forEach(([sentence, start, end], index) => {
      if (start !== undefined) marks.push({start, end, layer: "evidence", name: letter(index + 1), title: sentence, number: index + 1});
    });
    if (record.step.length) marks.push({start: record.step[0], end: record.step[1], layer: "step", title: "the step with the error"});
    return marks.filter((mark) => 0 <= mark.start && mark.start < mark.end && mark.end <= record.text.length)
      .sort((one, other) => one.start - other.start || other.end - one.end);
  }

  function stretch(text, covering, begun, ended) {
    const parts = plain(text);
    if (!covering.length) return parts;
    const made = make(covering.some((mark) => mark.layer === "move") ? "mark" : "span", "", ...parts);
    const titles = [];
    for (const mark of covering) {
      if (mark.layer === "move") {
        made.classList.add(`m-${mark.name}`);
        titles.push(`${mark.name}: ${text}`.slice(0, 240));
      } else if (mark.layer === "equation") made.classList.add("eq", mark.wrong ? "wrong" : "right");
      else made.classList.add(mark.layer === "evidence" ? "ev" : "step");
      if (mark.layer === "equation" && ended.includes(mark)) made.classList.add("last");
      if (mark.layer === "step" && begun.includes(mark)) made.classList.add("step-start");
      if (mark.layer === "step" && ended.includes(mark)) made.classList.add("step-end");
      if (mark.title) titles.push(mark.title);
    }
    if (titles.length) made.title = titles.map((title) => plain(title).map((part) => part.textContent ?? part).join("")).join(" · ");
    return [made];
  }

  function reference(mark, key) {
    const isWrong = mark.layer === "equation";
    const name = isWrong ? String(mark.number) : mark.name;
    const link = make("a", "", make("span", "spoken", isWrong ? "wrong, note " : "evidence "), name);
    link.id = `${key}-at-${name}`;
    link.href = `#${key}-note-${name}`;
    return make("sup", isWrong ? "ref bad" : "ref", link);
  }

  function marked(record, key) {
    const box = make("div", "text");
    box.dir = "auto";
    const marks = marksOf(record);
    const edges = [...new Set([0, record.text.length, ...marks.flatMap((mark) => [mark.start, mark.end])])].sort((one, other) => one - other);
    const seen = new Set();
    let open = [], next = 0;
    for (let at = 0; at + 1 < edges.length; at++) {
      const [start, end] = [edges[at], edges[at + 1]];
      open = open.filter((mark) => mark.end > start);
      while (next < marks.length && marks[next].start <= start) open.push(marks[next++]);
      const layers = new Map();
      for (const mark of open) if (!layers.has(mark.layer)) layers.set(mark.layer, mark);
      const covering = [...layers.values()];
      const begun = covering.filter((mark) => !seen.has(mark));
      begun.forEach((mark) => seen.add(mark));
      const ended = covering.filter((mark) => mark.end === end);
      box.append(...stretch(record.text.slice(start, end), covering, begun, ended));
      for (const mark of ended) if (mark.number) box.append(reference(mark, key));
    }
    return box;
  }

  function strip(record) {
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("class", "strip");
    drawing.setAttribute("viewBox", `0 0 ${STRIP_WIDTH} 6`);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("aria-hidden", "true");
    const marks = marksOf(record).filter((mark) => mark.layer === "move");
    const length = Math.max(1, record.text.length);
    const every = 1 + Math.floor(marks.length / MOST_BARS);
    for (let at = 0; at < marks.length; at += every) {
      const width = Math.max(2, Math.floor((marks[at].end - marks[at].start) * STRIP_WIDTH / length));
      const bar = document.createElementNS(SVG, "rect");
      bar.setAttribute("class", `m-${marks[at].name}`);
      bar.setAttribute("x", Math.min(Math.floor(marks[at].start * STRIP_WIDTH / length), STRIP_WIDTH - width));
      bar.setAttribute("width", width);
      bar.setAttribute("height", 6);
      drawing.append(bar);
    }
    return drawing;
  }

  function notes(record, key) {
    const box = make("div", "remarks");
    if (record.diagnosis) box.append(make("p", "", make("strong", "", ...plain(record.diagnosis))));
    const list = (name, rows) => {
      if (!rows.length) return;
      const items = rows.map(([label, sentence, quote, linked]) => {
        const words = make("span", "", ...(quote ? [make("q", "", ...plain(quote)), " "] : []), ...plain(sentence));
        if (linked) {
          const link = make("a", "up", "show", make("span", "spoken", ` note ${label} in the text`));
          link.href = `#${key}-at-${label}`;
          words.append(" ", link);
        }
        const item = make("li", "", make("span", "label", label), " ", words);
        item.id = `${key}-note-${label}`;
        return item;
      });
      box.append(make("ul", name, ...items));
    };
    list("notes", record.evidence.map(([sentence, start], index) => [letter(index + 1), sentence, "", start !== undefined]));
    const wrong = record.equations.filter((equation) => equation[2] && equation[4]);
    list("notes bad", wrong.map(([start, end, , reason, number]) => [String(number), reason, record.text.slice(start, end).slice(0, 120), true]));
    return box.childNodes.length ? box : null;
  }

  // -- what can be done with a trace --------------------------------------------------------------------

  function step(box, selector) {
    const places = [...box.querySelectorAll(selector)].filter((place) => place.getClientRects().length);
    if (!places.length) return false;
    const now = places.findIndex((place) => place.classList.contains("here"));
    box.querySelectorAll(".here").forEach((place) => place.classList.remove("here"));
    const place = places[(now + 1) % places.length];
    place.classList.add("here");
    place.scrollIntoView({block: "center"});
    return true;
  }

  function written(box) {
    const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    let text = "";
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (parent.closest(".ref, .fork, math") === null) text += parent.closest(".gap") === null ? node.data : `\n[${node.data}]\n`;
    }
    return text;
  }

  async function copy(text, say) {
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch (error) {
      say("This browser does not let the page copy: select the text instead.");
    }
  }

  // `box` is the element of a trace, `text` returns what is copied
  function tools(box, address, text) {
    const bar = make("p", "trace-tools");
    const status = make("span", "status");
    status.setAttribute("role", "status");
    const say = (message) => { status.textContent = message; };
    const button = (words, key, action) => {
      const made = make("button", "", words);
      made.type = "button";
      made.dataset.key = key;
      made.title = `${words} (key ${key} inside the trace)`;
      made.addEventListener("click", action);
      bar.append(made);
    };
    const link = make("a", "", "Link to this trace");
    link.href = address;
    bar.append(link);
    button("Next planning phrase", "n", () => say(step(box, ".text mark") ? "" : "No planning phrase is in this text."));
    button("Next diagnosis", "d", () => say(step(box, ".text .ev, .text .eq.wrong, .text .step-start") ? "" : "No diagnosis is marked in this text."));
    button("Copy", "c", () => copy(text(), say));
    if (box.querySelector(".tex") !== null) button("Formulas as written", "t", toggleFormulas);
    bar.append(status);
    box.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
      const pressed = bar.querySelector(`button[data-key="${CSS.escape(event.key)}"]`);
      if (pressed !== null) { event.preventDefault(); pressed.click(); }
    });
    return bar;
  }

  function toggleFormulas() {
    const isRaw = document.documentElement.toggleAttribute("data-raw");
    for (const button of document.querySelectorAll("button[data-key=t]")) button.setAttribute("aria-pressed", String(isRaw));
  }

  // fills the element of a trace, which has its summary line already
  function fill(box, record) {
    if (record.prompt) {
      const prompt = make("div", "prompt", ...plain(record.prompt));
      prompt.dir = "auto";
      box.append(prompt);
      showFormulas(prompt);
    }
    const text = marked(record, box.id);
    showFormulas(text);
    const remarks = notes(record, box.id);
    if (remarks !== null) box.append(remarks);
    box.append(strip(record), text);
    text.before(tools(box, `#${box.id}`, () => record.text));
  }

  return {fill, make, plain, tools, written};
})();
