
"use strict";
// Sorting and filtering of tables, the tools of examples, and which section is in view. The page can be read without it.
(() => {
  const text = new Intl.Collator("en", {numeric: true, sensitivity: "base"});
  const fold = (said) => said.normalize("NFKC").toLowerCase();

  // -- sorting: a missing cell stands last whichever way ------------------------------------------------

  function keyOf(cell) {
    if ("none" in cell.dataset) return null;
    return "key" in cell.dataset ? Number(cell.dataset.key) : cell.textContent;
  }

  function compare(one, other, sign) {
    if (one === null || other === null) return (one === null) - (other === null);
    const order = typeof one === "number" && typeof other === "number" ? one - other : text.compare(one, other);
    return sign * order;
  }

  function sort(table, place, descending) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({row, key: keyOf(row.cells[place]), at: Number(row.dataset.at)}));
    rows.sort((a, b) => compare(a.key, b.key, descending ? -1 : 1) || a.at - b.at);
    body.append(...rows.map((each) => each.row));
    [...table.tHead.rows[0].cells].forEach((head, number) => {
      if (number === place) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else if (head.hasAttribute("aria-sort")) head.setAttribute("aria-sort", "none");
    });
  }

  function sortable(table) {
    [...table.tBodies[0].rows].forEach((row, at) => { row.dataset.at = at; });
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      if ("picture" in head.dataset) return;
      head.setAttribute("aria-sort", "none");
      const button = document.createElement("button");
      button.type = "button";
      if (head.querySelector("a")) button.setAttribute("aria-label", `Sort by ${head.textContent.trim()}`);
      else button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        // the largest number is what is looked for first, of texts the first
        const first = head.classList.contains("n") ? "descending" : "ascending";
        const next = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
        sort(table, place, next === "descending");
      });
    });
  }

  // -- filtering --------------------------------------------------------------------------------------

  function filterable(tools, table) {
    const rows = [...table.tBodies[0].rows].map((row) => ({row, said: fold(row.textContent)}));
    const search = tools.querySelector("input[type=search]");
    const selects = [...tools.querySelectorAll("select")];
    const checks = [...tools.querySelectorAll("input[type=checkbox]")];
    const output = tools.querySelector("output");
    const cell = (row, control) => row.cells[Number(control.dataset.column)];

    function apply() {
      const words = fold(search.value).split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const {row, said} of rows) {
        const kept = words.every((word) => said.includes(word))
          && selects.every((select) => !select.value || cell(row, select).textContent === select.value)
          && checks.every((check) => !check.checked || cell(row, check).dataset.key === "1.0");
        row.hidden = !kept;
        shown += kept;
      }
      output.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
    }

    tools.addEventListener("input", apply);
    tools.hidden = false;
    apply();
  }

  // -- examples and siblings: the same tools as in the look-up ----------------------------------------

  function equip(text) {
    const box = text.closest("article, details");
    const place = text.closest("details");
    showFormulas(text);
    text.before(traceText.tools(box, `#${place.id}`, () => traceText.written(text)));
  }

  function openTarget() {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement && !target.open) {
      target.open = true;
      target.scrollIntoView({block: "start"});
    }
  }

  // -- figures: they fit the screen, and are shown in their own size if asked --------------------------------

  function enlargeable(plate) {
    const toggle = () => plate.classList.toggle("whole");
    plate.addEventListener("click", toggle);
    plate.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      toggle();
    });
  }

  // -- which section is in view ------------------------------------------------------------------------

  function follow() {
    const links = new Map([...document.querySelectorAll(".toc a")].map((link) => [link.hash.slice(1), link]));
    const seen = new Set();
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) entry.isIntersecting ? seen.add(entry.target.id) : seen.delete(entry.target.id);
      const first = [...links.keys()].find((id) => seen.has(id));
      for (const [id, link] of links) id === first ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
    }, {rootMargin: "-20% 0px -70% 0px"});
    for (const section of document.querySelectorAll("main > section")) watch.observe(section);
  }

  for (const table of document.querySelectorAll("table:not(.unsorted)")) if (table.tBodies[0].rows.length > 1) sortable(table);
  for (const tools of document.querySelectorAll(".tabled > .tools")) filterable(tools, tools.parentElement.querySelector("table"));
  for (const text of document.querySelectorAll(".trace > .text, .pair .text")) equip(text);
  for (const plate of document.querySelectorAll(".plate")) enlargeable(plate);
  addEventListener("hashchange", openTarget);
  openTarget();
  if ("IntersectionObserver" in window) follow();
})();
