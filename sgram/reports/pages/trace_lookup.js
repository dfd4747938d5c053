
// The look-up: filters, the traces that match them page by page, and permanent links. The traces stand in the page, or a
// server on this computer (`sgram view`) answers with them; both have the same fields.
const traceLookup = (() => {
  "use strict";
  const PAGE = 20;
  const fold = (text) => text.normalize("NFKC").toLowerCase();
  const {make, plain} = traceText;

  function spansText(record) {
    let end = 0;
    const phrases = [];
    for (let at = 0; at < record.spans.length; at += 3) {
      const start = end + record.spans[at];
      end = start + record.spans[at + 1];
      phrases.push(record.text.slice(start, end));
    }
    return phrases.join("\n");
  }

  // traces that stand in the page
  function localTraces(data) {
    const traces = data.traces.map((row) => ({...row, prompt: row.prompt === undefined ? "" : data.prompts[row.prompt]}));
    const folded = new Map();
    const part = (row, name) => {
      const key = `${name} ${row.key}`;
      if (!folded.has(key)) folded.set(key, fold(name === "id" ? row.id : name === "phrase" ? spansText(row) : row.text));
      return folded.get(key);
    };
    const contains = (row, words, where) =>
      where === "" ? part(row, "id").includes(words) || part(row, "text").includes(words) : part(row, where).includes(words);
    return {
      async query(wanted) {
        const words = fold(wanted.q).trim();
        const rows = traces.filter((row) => (!wanted.key || row.key === wanted.key)
          && ["source", "outcome", "kind"].every((name) => !wanted[name] || row[name] === wanted[name])
          && (!wanted.move || row.moves.includes(Number(wanted.move)))
          && (!words || contains(row, words, wanted.where)));
        return {total: rows.length, rows: rows.slice(wanted.page * PAGE, (wanted.page + 1) * PAGE)};
      },
      async whole(key) { return traces.find((row) => row.key === key); },
    };
  }

  function row(summary, source) {
    const box = make("details", "trace");
    box.id = `trace-${summary.key}`;
    const badge = make("span", `badge ${{correct: "good", wrong: "bad"}[summary.outcome] || ""}`.trim(), summary.outcome);
    const facts = [summary.source, ...summary.facts].map((fact) => make("bdi", "", ...plain(fact)));
    const head = make("summary", "", badge, " ");
    if (summary.kind) head.append(make("span", "badge", make("bdi", "", ...plain(summary.kind))), " ");
    head.append(make("bdi", "id", ...plain(summary.id)), " ", make("span", "details", ...facts));
    box.append(head);
    let asked = false;
    box.addEventListener("toggle", async () => {
      if (!box.open || asked) return;
      asked = true;
      try {
        traceText.fill(box, await source.whole(summary.key));
      } catch (error) {
        asked = false;
        box.append(make("p", "missing", `The trace cannot be shown: ${error.message}.`));
      }
    });
    return box;
  }

  return (root, data) => {
    const source = data.traces ? localTraces(data) : servedTraces(data);
    const tools = root.querySelector(".tools");
    const controls = [...tools.querySelectorAll("[name]")];
    const list = root.querySelector(".traces");
    const output = root.querySelector("output");
    const [before, after] = ["Earlier traces", "Later traces"].map((words) => make("button", "", words));
    for (const button of [before, after]) button.type = "button";
    root.querySelector(".pager").append(before, " ", after);
    let page = 0, number = 0;

    async function show(key = "") {
      const now = ++number;
      const wanted = {...Object.fromEntries(controls.map((control) => [control.name, control.value])), page, key};
      if (key) Object.assign(wanted, {q: "", source: "", outcome: "", kind: "", move: "", page: 0});
      let answer;
      try {
        answer = await source.query(wanted);
      } catch (error) {
        output.textContent = `No answer: ${error.message}. Is sgram view still running?`;
        return;
      }
      if (now !== number) return; // a later question was answered already
      const {total, rows} = answer;
      list.replaceChildren(...rows.map((summary) => row(summary, source)));
      const last = Math.max(0, Math.ceil(total / PAGE) - 1);
      const first = total ? wanted.page * PAGE + 1 : 0;
      output.textContent = key && total ? "The trace of this link; change a filter to see others"
        : `${total.toLocaleString("en")} trace${total === 1 ? "" : "s"}` + (total > PAGE ? `, ${first} to ${first + rows.length - 1} shown` : "");
      before.hidden = after.hidden = last === 0 || Boolean(key);
      before.disabled = page === 0;
      after.disabled = page >= last;
    }

    // a link of a trace: a filter may hide it, so it is looked up by its key
    async function follow() {
      const key = /^#trace-([0-9a-f]{12})(?:-|$)/.exec(location.hash)?.[1];
      if (key === undefined) return;
      let box = document.getElementById(`trace-${key}`);
      if (box === null) {
        await show(key);
        box = document.getElementById(`trace-${key}`);
      }
      if (box === null) {
        output.textContent = "The trace of this link is not here.";
        return;
      }
      if (!box.open) {
        box.open = true;
        box.scrollIntoView({block: "start"});
      }
    }

    const turn = (by) => { page += by; show(); root.scrollIntoView({block: "start"}); };
    tools.addEventListener("input", () => { page = 0; show(); });
    before.addEventListener("click", () => turn(-1));
    after.addEventListener("click", () => turn(1));
    addEventListener("hashchange", follow);
    root.hidden = tools.hidden = false;
    show().then(follow);
  };
})();
{
  const data = document.getElementById("lookup-data");
  if (data !== null) traceLookup(document.getElementById("lookup"), JSON.parse(data.textContent));
}
