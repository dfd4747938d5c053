
// Formulas of a text as MathML. KaTeX parses them; only elements and attributes listed here are made, by DOM calls.
// MathML needs neither fonts nor style sheets, so the policy of the page stays as it is.
const showFormulas = (() => {
  "use strict";
  const SPACE = "http://www.w3.org/1998/Math/MathML";
  const ELEMENTS = new Set(["math", "semantics", "mrow", "mi", "mn", "mo", "mtext", "ms", "mspace", "mfrac", "msqrt", "mroot",
    "msub", "msup", "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "mphantom",
    "menclose", "mlabeledtr"]);
  const ATTRIBUTES = new Set(["accent", "accentunder", "columnalign", "columnlines", "columnspacing", "depth", "display",
    "displaystyle", "fence", "form", "height", "largeop", "linethickness", "lspace", "mathvariant", "maxsize", "minsize",
    "movablelimits", "notation", "rowlines", "rowspacing", "rspace", "scriptlevel", "separator", "stretchy", "symmetric",
    "voffset", "width"]);
  const LENGTH = /^[+-]?[\d.]{1,8}(em|ex|pt|px|mu|%)?$/;
  const NEEDS_TRUST = /\\(href|url|includegraphics|html[A-Z]\w*)/; // without trust, KaTeX shows the command's name alone
  const LONGEST = 2000; // characters of a formula
  const MOST = 500; // formulas of a text
  const DEEPEST = 40, MOST_NODES = 3000; // of a formula: browsers lay out deep ones in exponential time
  const LONGEST_TEXT = 400000;
  const FORMULA = new RegExp(
    String.raw`(?<!\\)\$\$([^$]{1,2000}?)\$\$|\\\[((?:(?!\\\[)[\s\S]){1,2000}?)\\\]|\\\(((?:(?!\\\()[\s\S]){1,2000}?)\\\)`
    + String.raw`|(\\begin\{(equation|align|gather|aligned|cases|[bpvBV]?matrix)\*?\}[\s\S]{1,2000}?\\end\{\5\*?\})`
    + String.raw`|(?<![\\$\w])\$([^\s$](?:[^$\n]{0,400}?[^\s$\\])?)\$(?![\d$])`, "g");

  function element(node, depth, budget) {
    if (depth > DEEPEST || --budget.nodes < 0) throw new Error("a formula that is too large");
    if (node.text !== undefined && node.type === undefined) return document.createTextNode(node.text);
    if (node.width !== undefined && node.type === undefined && !node.children) {
      if (node.character) return document.createTextNode(node.character);
      const space = document.createElementNS(SPACE, "mspace");
      space.setAttribute("width", `${node.width.toFixed(4)}em`);
      return space;
    }
    if (node.type === "annotation") return null; // the source stands beside the formula
    let made = document.createDocumentFragment();
    if (node.type !== undefined) {
      if (!ELEMENTS.has(node.type)) throw new Error("an element that no formula needs");
      made = document.createElementNS(SPACE, node.type);
      for (const [name, value] of Object.entries(node.attributes)) {
        const text = String(value);
        const isWord = /^[\w -]{1,80}$/.test(text);
        if (ATTRIBUTES.has(name) && (isWord || text.split(" ").every((part) => LENGTH.test(part)))) made.setAttribute(name, text);
      }
    }
    for (const child of node.children || []) {
      const inner = element(child, depth + 1, budget);
      if (inner !== null) made.append(inner);
    }
    return made;
  }

  function formula(source, display) {
    const tree = katex.__renderToDomTree(source, {
      displayMode: display, output: "mathml", trust: false, strict: "ignore", throwOnError: true,
      maxExpand: 300, maxSize: 20, macros: {},
    });
    const math = element(tree, 0, {nodes: MOST_NODES});
    const box = document.createElement("span");
    const raw = document.createElement("span");
    box.className = display ? "tex block" : "tex";
    if (display) box.tabIndex = 0;  // it may scroll sideways
    raw.className = "raw";
    box.append(raw, math);
    return [box, raw];
  }

  // `box` holds a text, cut by elements for marks. A formula that lies within one piece of text is replaced; one that
  // the end of a mark cuts stays as it is written, so that marks keep their words.
  return (box) => {
    if (typeof katex === "undefined") return 0;
    const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    const pieces = [];
    let whole = "";
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const isOwn = node.parentElement.closest(".ref, .gap, .fork, .escape, .tex") !== null;
      pieces.push({node, start: whole.length, isOwn});
      whole += isOwn ? "\n".repeat(node.data.length) : node.data;
    }
    if (whole.length > LONGEST_TEXT) return 0;
    let count = 0;
    const jobs = new Map();
    let at = 0;
    for (const match of whole.matchAll(FORMULA)) {
      if (++count > MOST) break;
      const start = match.index, end = start + match[0].length;
      while (at + 1 < pieces.length && pieces[at + 1].start <= start) at++;
      const piece = pieces[at];
      if (piece.isOwn || end > piece.start + piece.node.data.length || match[0].length > LONGEST || NEEDS_TRUST.test(match[0])) continue;
      const source = match[1] ?? match[2] ?? match[3] ?? match[4] ?? match[6];
      const display = match[3] === undefined && match[6] === undefined;
      if (!jobs.has(piece)) jobs.set(piece, []);
      jobs.get(piece).push({start: start - piece.start, written: match[0], source, display});
    }
    let shown = 0;
    for (const [piece, formulas] of jobs) {
      const text = piece.node.data;
      const parts = [];
      let done = 0;
      for (const {start, written, source, display} of formulas) {
        let made;
        try {
          made = formula(source, display);
        } catch (error) {
          continue; // no formula that KaTeX knows: it stays as it is written
        }
        made[1].textContent = written;
        parts.push(text.slice(done, start), made[0]);
        done = start + written.length;
        shown++;
      }
      if (parts.length) piece.node.replaceWith(...parts, text.slice(done));
    }
    return shown;
  };
})();
