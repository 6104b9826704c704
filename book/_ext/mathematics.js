// Sets formulas as MathJax would in a browser: node mathematics.js FOLDER_OF_MATHJAX. One formula a line on the input,
// ["TeX", displayed]; one line for each on the output, {"html": ..., "width": ..., "narrow": ...}, with the widths in em of
// the whole and of its widest part that does not break; and the style sheet in a last line.
//
// A displayed formula may be broken after a quad, and where that is not enough before a relation and before the sign of a
// sum, where no bracket is open, as a typesetter would; the reason of a step, which stands in a column of its own, between its words. What stays together
// is wrapped into an element <mjx-part>, which the style sheet of the page uses on a phone and nowhere else.
const root = process.argv[2];
const lines = require("readline").createInterface({ input: process.stdin });
const BINARY = 2, RELATION = 3, OPEN = 4, CLOSE = 5; // MathJax's classes of atoms
const INDENT = 1.2; // em, of the lines after the first, as the style sheet has it
const SPACES = ["mjx-c20", "mjx-cA0"];

require(`${root}/node-main.js`).init({
  loader: {
    load: ["adaptors/liteDOM", "input/tex", "output/chtml", "a11y/assistive-mml"],
    paths: { mathjax: root }, require, versionWarnings: false,
  },
  chtml: { adaptiveCSS: false, fontURL: "mathjax/output/chtml/fonts/woff-v2" },
  startup: { typeset: false },
}).then(async MathJax => {
  const { adaptor, output } = MathJax.startup;
  const rounded = width => Math.ceil(width * 1000) / 1000;
  const widest = (list, width) => Math.max(0, ...list.map(width));
  const outer = wrapper => {
    const box = wrapper.getOuterBBox();
    return box.rscale * (box.w + box.L + box.R);
  };
  let display, widths; // of the formula that is set now; what MathJax knows of its boxes it forgets at once

  output.processMath = (math, node) => {
    const wrapper = output.factory.wrap(math);
    wrapper.toCHTML(node);
    const width = rounded(wrapper.getOuterBBox().w);
    widths = display ? { width, narrow: rounded(split(wrapper.childNodes[0]) + INDENT) } : { width };
  };

  for await (const line of lines) {
    const [tex, displayed] = JSON.parse(line);
    display = displayed;
    const node = await MathJax.tex2chtmlPromise(tex, { display });
    process.stdout.write(JSON.stringify({ ...widths, html: adaptor.outerHTML(node) }) + "\n");
  }
  process.stdout.write(JSON.stringify({ style: adaptor.textContent(MathJax.chtmlStylesheet()) }) + "\n");

  // Wrap what stays together in a row of atoms; the widest of it, or the row where there is nothing to break.
  function split(row) {
    if (row.childNodes.length === 1) {
      const [only] = row.childNodes;
      if (only.kind === "mtable") return splitTable(only);
      if (["mstyle", "TeXAtom", "mrow"].includes(only.kind) && only.childNodes.length === 1) return split(only.childNodes[0]);
    }
    const segments = [[]]; // formulas that stand on one line, a quad apart
    for (const atom of row.childNodes) {
      segments.at(-1).push(atom);
      if (isSpace(atom) && segments.at(-1).some(a => !isSpace(a) && outer(a) > 0)) segments.push([]);
    }
    const whole = segments.filter(segment => segment.length);
    const narrow = widest(whole, splitSegment);
    if (whole.length > 1) whole.forEach(segment => wrap([...new Set(segment.map(atom => top(atom.chtml)))]));
    return narrow;

    function top(node) { // the part that an atom was put into
      return adaptor.kind(adaptor.parent(node)) === "mjx-part" ? adaptor.parent(node) : node;
    }
  }

  // Wrap what stays together in one formula; the widest of it.
  function splitSegment(atoms) {
    const parts = [[]];
    let depth = 0, bars = false;
    for (const atom of atoms) {
      const kind = atom.node.texClass, said = text(atom.node);
      const here = kind === RELATION || (kind === BINARY && /^[+\u2212\u00b1\u2213]$/.test(said));
      if (depth === 0 && !bars && here && parts.at(-1).some(a => outer(a) > 0)) parts.push([]);
      const scripted = ["msup", "msub", "msubsup"].includes(atom.kind) ? text(atom.node.childNodes[0]) : said;
      if (/^[|\u2225\u2016]$/.test(scripted) && kind !== RELATION) bars = depth ? bars : !bars; // a norm has one sign for both ends
      else if (kind === OPEN || /^[([{]$/.test(said)) depth += 1;
      else if (kind === CLOSE || /^[)\]}]$/.test(scripted)) depth = Math.max(0, depth - 1);
      parts.at(-1).push(atom);
    }
    if (parts.length > 1) parts.forEach(part => wrap(part.map(atom => atom.chtml)));
    return widest(parts, part => part.reduce((sum, atom) => sum + outer(atom), 0));
  }

  function text(node) {
    return node.isKind("text") ? node.getText() : (node.childNodes ?? []).map(child => child ? text(child) : "").join("");
  }

  // A quad or more, after which another formula begins.
  function isSpace(atom) {
    return outer(atom) >= 1 && (atom.kind === "mspace" || (atom.kind === "mstyle" && !adaptor.tags(atom.chtml, "mjx-c").length));
  }

  // A derivation: left sides, right sides and, where there are four columns of which the third is empty, reasons.
  function splitTable(table) {
    const rows = table.childNodes.map(row => row.childNodes.filter(cell => cell.kind === "mtd"));
    const empty = cell => !cell || cell.childNodes[0].childNodes.every(atom => outer(atom) === 0);
    const reasons = rows.some(cells => !empty(cells[3])) && rows.every(cells => cells.length < 5 && empty(cells[2]));
    const columns = widest(rows, cells => cells.length);
    if (!reasons && columns > 2) return outer(table);
    adaptor.addClass(table.chtml, "broken");
    adaptor.addClass(adaptor.tags(table.chtml, "mjx-itable")[0], reasons ? "reasons" : columns > 1 ? "lines" : "single");
    const last = columns === 1 ? 0 : 1;
    const left = last && widest(rows, cells => (empty(cells[0]) ? 0 : outer(cells[0].childNodes[0])));
    const right = widest(rows, cells => (empty(cells[last]) ? 0 : split(cells[last].childNodes[0])));
    return Math.max(left + right, reasons ? widest(rows, cells => (empty(cells[3]) ? 0 : splitReason(cells[3].childNodes[0]))) : 0);
  }

  // The words of a reason; their widths are estimated from the number of their letters.
  function splitReason(row) {
    return widest(row.childNodes, atom => {
      if (atom.kind !== "mtext") return outer(atom);
      const words = [[]];
      for (const letter of adaptor.childNodes(atom.chtml)) {
        words.at(-1).push(letter);
        if (SPACES.some(space => adaptor.hasClass(letter, space))) words.push([]);
      }
      const full = words.filter(word => word.length);
      if (full.length > 1) full.forEach(wrap);
      return (outer(atom) * widest(full, word => word.length)) / widest([full.flat()], all => all.length);
    });
  }

  function wrap(nodes) {
    const part = adaptor.node("mjx-part");
    adaptor.addClass(adaptor.parent(nodes[0]), "breaks");
    adaptor.insert(part, nodes[0]);
    if (nodes.some(node => adaptor.kind(node) === "mjx-part")) adaptor.addClass(part, "breaks"); // a formula with parts
    nodes.forEach(node => adaptor.append(part, adaptor.remove(node) ?? node));
  }
}).catch(error => {
  console.error(error);
  process.exit(1);
});
