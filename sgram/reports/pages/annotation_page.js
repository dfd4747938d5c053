
"use strict";
// One sample, one page. State: who rates, what they said of each item, where they are, what can be undone.
(() => {
  const sample = JSON.parse(document.getElementById("sample").textContent);
  const items = sample.items;
  const labels = new Map(sample.labels.map((each) => [each.label, each]));
  const byKey = new Map(sample.labels.map((each) => [each.key, each.label]));
  const known = new Set(items.map((each) => each.item));
  const SKIP = "skip"; // no label is called so; a skipped item has no row in the download
  const STORE = "sgram-annotation:" + sample.digest;
  const MOST_UNDO = 1000;
  const $ = (id) => document.getElementById(id);
  const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;
  const HARMLESS = new Set(["\n", "\t", "\u200c", "\u200d"]);

  let rater = null;
  let answers = new Map(); // item -> label or SKIP
  let at = 0;
  let undo = []; // [item, what it had before or null]
  let kept = true; // whether localStorage works
  let unsaved = false; // answers that are in no storage and no download

  // -- storage: an entry for each answer and one for each rater. Tabs see each other's writes late: what is one
  // -- entry for all answers would be written back without those of another tab ------------------------------

  const entry = (...name) => STORE + ":" + JSON.stringify(name); // (rater) or (rater, item)

  function parsed(text) {
    try {
      return JSON.parse(text);
    } catch (error) {
      return null; // damaged, or not of this page
    }
  }

  function stored() {
    const raters = new Map();
    const keys = Array.from({length: localStorage.length}, (_, place) => localStorage.key(place));
    for (const key of keys.filter((each) => each !== null && each.startsWith(STORE + ":")).sort()) {
      const [name, item] = parsed(key.slice(STORE.length + 1)) || [];
      const value = parsed(localStorage.getItem(key));
      if (typeof name !== "string" || value === null) continue;
      if (!raters.has(name)) raters.set(name, {answers: new Map(), at: 0, undo: []});
      const mine = raters.get(name);
      if (item === undefined) {
        mine.at = Number(value.at) || 0;
        mine.undo = (Array.isArray(value.undo) ? value.undo : []).filter((each) => Array.isArray(each) && known.has(each[0]));
      } else if (known.has(item) && (labels.has(value) || value === SKIP)) {
        mine.answers.set(item, value);
      }
    }
    return raters;
  }

  function readStored() {
    try {
      return stored();
    } catch (error) {
      keepNothing();
      return new Map();
    }
  }

  function save(changed) {
    unsaved = unsaved || changed.size > 0;
    if (!kept || rater === null) return;
    try {
      localStorage.setItem(entry(rater), JSON.stringify({at, undo}));
      for (const [item, label] of changed) {
        if (label === null) localStorage.removeItem(entry(rater, item));
        else localStorage.setItem(entry(rater, item), JSON.stringify(label));
      }
      answers = stored().get(rater).answers; // another tab may have added some
      unsaved = false;
    } catch (error) {
      keepNothing();
    }
  }

  function keepNothing() {
    kept = false;
    $("warning").textContent =
      "This browser keeps nothing for this page (private window, or storage is blocked or full). You can work on, but download your answers before you close it.";
    $("warning").hidden = false;
  }

  // -- answering ----------------------------------------------------------------------------------------

  function answer(label) {
    const item = items[at].item;
    const before = answers.get(item) ?? null;
    undo = [...undo.slice(1 - MOST_UNDO), [item, before]];
    answers.set(item, label);
    at = nextOpen(at);
    save(new Map([[item, label]]));
    say(at === items.length ? "" : label === SKIP ? "Skipped." : `Last answer: ${label}.`);
    show();
  }

  function nextOpen(from) {
    for (let step = 1; step <= items.length; step++) {
      const place = (from + step) % items.length;
      if (!answers.has(items[place].item)) return place;
    }
    return items.length; // all are answered: the last page
  }

  function takeBack() {
    const last = undo.pop();
    if (!last) return say("Nothing to undo.");
    const [item, before] = last;
    before === null ? answers.delete(item) : answers.set(item, before);
    at = items.findIndex((each) => each.item === item);
    save(new Map([[item, before]]));
    say("Taken back.");
    show();
  }

  function go(step) {
    const to = Math.min(Math.max(at + step, 0), items.length);
    if (to === items.length && items.some((each) => !answers.has(each.item))) return say(`This is the last ${sample.item_name}.`);
    if (to === at) return say(`This is the first ${sample.item_name}.`);
    at = to;
    save(new Map());
    say("");
    show();
  }

  function review() {
    const skipped = items.findIndex((each) => answers.get(each.item) === SKIP);
    if (skipped >= 0) at = skipped;
    show();
  }

  // -- in and out ---------------------------------------------------------------------------------------

  function rows() {
    return items
      .filter((each) => labels.has(answers.get(each.item)))
      .map((each) => JSON.stringify({item: each.item, rater, label: answers.get(each.item)}) + "\n")
      .join("");
  }

  function download() {
    const name = rater.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "") || "rater";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([rows()], {type: "application/x-ndjson"}));
    link.download = `ratings-${name}-${sample.digest.slice(0, 8)}.jsonl`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    unsaved = false;
    say("Saved as " + link.download + ".");
  }

  function take(text) {
    const found = new Map(); // rater -> [[item, label]]
    for (const [number, line] of text.split("\n").entries()) {
      if (!line.trim()) continue;
      let row = null;
      try {
        row = JSON.parse(line);
      } catch (error) {
        throw new Error(`Line ${number + 1} of that file is not JSON: it is no download of this page.`);
      }
      if (!row || typeof row.rater !== "string" || !known.has(row.item) || !labels.has(row.label)) {
        throw new Error(`Line ${number + 1} of that file is about another set of ${sample.item_name}s: it was not taken.`);
      }
      if (!found.has(row.rater)) found.set(row.rater, []);
      found.get(row.rater).push([row.item, row.label]);
    }
    const typed = $("name").value.trim();
    const name = found.size === 1 ? [...found.keys()][0] : typed;
    if (!found.has(name)) throw new Error(found.size ? "That file holds several raters: type your name first." : "That file is empty.");
    enter(name);
    for (const [item, label] of found.get(name)) answers.set(item, label);
    at = nextOpen(items.length - 1);
    save(new Map(found.get(name)));
    say(`${found.get(name).length} answers taken over.`);
    show();
  }

  // -- showing ------------------------------------------------------------------------------------------

  function shown(parent, text) {
    let plain = "";
    const flush = () => {
      if (plain) parent.append(document.createTextNode(plain));
      plain = "";
    };
    for (const character of text.replaceAll("\r\n", "\n")) {
      if (!HIDDEN.test(character) || HARMLESS.has(character)) {
        plain += character;
        continue;
      }
      flush();
      const code = character.codePointAt(0);
      const [sign, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
      const escape = document.createElement("span");
      escape.className = "escape";
      escape.textContent = character === "\r" ? "\\r" : "\\" + sign + code.toString(16).padStart(width, "0");
      parent.append(escape);
    }
    flush();
  }

  function show() {
    const working = rater !== null && at < items.length;
    document.querySelector("header").hidden = rater === null;
    $("start").hidden = rater !== null;
    $("work").hidden = !working;
    $("done").hidden = rater === null || working;
    if (rater === null) return showStart();
    const skipped = [...answers.values()].filter((each) => each === SKIP).length;
    const n = answers.size;
    $("count").textContent = `${working ? at + 1 : items.length} of ${items.length}`;
    $("who").textContent = rater;
    $("bar").setAttribute("aria-valuemax", items.length);
    $("bar").setAttribute("aria-valuenow", n);
    $("bar").title = `${n - skipped} answered, ${skipped} skipped, ${items.length - n} to go`;
    $("bar").firstElementChild.style.width = (100 * n) / items.length + "%";
    if (!working) {
      $("summary").textContent = `${n - skipped} of ${items.length} ${sample.item_name}s are labeled` + (skipped ? `, ${skipped} skipped.` : ".");
      $("review").hidden = !skipped;
      return;
    }
    const {item, text, start, end} = items[at];
    const points = Array.from(text); // offsets count code points
    const box = $("text");
    const mark = document.createElement("mark");
    box.replaceChildren();
    shown(box, points.slice(0, start).join(""));
    shown(mark, points.slice(start, end).join(""));
    box.append(mark);
    shown(box, points.slice(end).join(""));
    const given = answers.get(item);
    for (const button of $("choices").children) button.setAttribute("aria-pressed", String(button.dataset.label === given));
    document.querySelector("[data-do=skip]").setAttribute("aria-pressed", String(given === SKIP));
    scrollTo(0, 0);
    mark.scrollIntoView({block: "nearest"}); // a long text on a small screen
  }

  function showStart() {
    const found = showKnown();
    document.querySelector("#start details").open = !found;
    if (!matchMedia("(pointer: coarse)").matches) $("name").focus({preventScroll: true});
  }

  function showKnown() {
    const raters = readStored();
    const line = $("known").querySelector(".line");
    line.replaceChildren();
    for (const [name, state] of raters) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${name} (${state.answers.size} of ${items.length})`;
      button.addEventListener("click", () => {
        enter(name);
        show();
      });
      line.append(button);
    }
    $("known").hidden = !raters.size;
    return raters.size > 0;
  }

  function say(message) {
    $("status").textContent = message;
  }

  function enter(name) {
    rater = name;
    const mine = readStored().get(name);
    answers = mine ? mine.answers : new Map();
    undo = mine ? mine.undo : [];
    at = mine ? Math.min(Math.max(mine.at, 0), items.length) : 0;
    save(new Map());
    say(answers.size ? "Welcome back." : "");
    document.activeElement.blur();
  }

  // -- events -------------------------------------------------------------------------------------------

  const actions = {
    back: () => go(-1), next: () => go(1), undo: takeBack, skip: () => answer(SKIP), review, download,
    guide: () => $("guide").showModal(), help: () => $("help").showModal(),
  };
  const anywhere = {g: "guide", "?": "help", d: "download", u: "undo", ArrowLeft: "back", k: "back"};
  const atWork = {s: "skip", ArrowRight: "next", j: "next"};

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || rater === null || document.querySelector("dialog[open]")) return;
    if (event.target instanceof HTMLInputElement) return;
    const working = at < items.length;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const label = byKey.get(key);
    const action = anywhere[key] || (working ? atWork[key] : undefined);
    if (!action && !(label && working)) return;
    event.preventDefault();
    if (event.repeat && !["back", "next"].includes(action)) return; // a key that is held answers once
    label && working ? answer(label) : actions[action]();
  }

  for (const [label, {key, meaning}] of labels) {
    const button = document.createElement("button");
    const [hint, name, small] = ["kbd", "b", "small"].map((tag) => document.createElement(tag));
    button.type = "button";
    button.dataset.label = label;
    [hint.textContent, name.textContent, small.textContent] = [key, label, meaning];
    button.append(hint, name, small);
    button.addEventListener("click", () => answer(label));
    $("choices").append(button);
  }
  for (const button of document.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => actions[button.dataset.do]());
  }
  document.addEventListener("keydown", pressed);
  $("enter").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("name").value.trim();
    if (!name) return say("Please type a name.");
    enter(name);
    show();
  });
  $("earlier").addEventListener("change", async (event) => {
    const file = event.target.files[0];
    if (!file) return;
    try {
      take(await file.text());
    } catch (error) {
      say(error.message);
    }
    event.target.value = "";
  });
  addEventListener("storage", (event) => {
    if (event.key !== null && !event.key.startsWith(STORE + ":")) return;
    if (rater === null) return showKnown();
    const mine = readStored().get(rater); // another tab of this page has answered
    if (mine) answers = mine.answers;
    show();
  });
  addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });

  try {
    localStorage.setItem("sgram-annotation", "1");
    localStorage.removeItem("sgram-annotation");
  } catch (error) {
    keepNothing();
  }
  show();
})();
