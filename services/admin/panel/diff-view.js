// `<pc-diff>`: what changed between two texts, line by line and word by word.
//
// `diff` is an answer of `GET …/diff`, or `{template, config?}` with parts of the same shape; `labels` are the
// names of both sides. One text column or two: the choice is remembered for all, and a narrow page has one.
// However long the texts are, only what one asks for is drawn.

import { h, replace } from "./dom.js";
import { textNodes } from "./text-view.js";
import { pairLines, wordDiff } from "./word-diff.js";
import { number, plural } from "./words.js";

const MODE = "promptcast:diff";
const NARROW = 700;
const ROWS = 300;
const MORE_ROWS = 1000;
const KEPT = { limit: 400, tail: 120 };
const SIGNS = { "-": ["−", "removed"], "+": ["+", "added"], " ": ["", ""] };
const CLASSES = { "-": "cut", "+": "put", " ": "" };

class DiffView extends HTMLElement {
  #diff = null;
  #labels = null;
  #narrow = false;
  #watch = new ResizeObserver(([entry]) => this.#sized(entry.contentRect.width));

  connectedCallback() {
    this.#narrow = this.clientWidth > 0 && this.clientWidth < NARROW;
    this.#watch.observe(this);
    this.#draw();
  }

  disconnectedCallback() {
    this.#watch.disconnect();
  }

  get diff() {
    return this.#diff;
  }

  set diff(diff) {
    this.#diff = diff;
    this.#draw();
  }

  /** `{before, after}`: what both sides are called; by default their versions. */
  set labels(labels) {
    this.#labels = labels;
    this.#draw();
  }

  get #sides() {
    const { from, to } = this.#diff;
    return this.#labels ?? { before: from ? `v${from}` : "before", after: to ? `v${to}` : "after" };
  }

  #sized(width) {
    const narrow = width < NARROW;
    if (width === 0 || narrow === this.#narrow) return;
    this.#narrow = narrow;
    this.#draw();
  }

  #draw() {
    if (!this.#diff || !this.isConnected) return;
    const { template, config } = this.#diff;
    const parts = [[template, "Prompt text"], [config, "Model and parameters"]].filter(([part]) => part?.hunks.length);
    if (!parts.length) return replace(this, h("p", { class: "same" }, "No difference: both say the same."));
    replace(this, this.#bar(parts.map(([part]) => part)), parts.map(([part, title]) => this.#part(part, title, config !== undefined)));
  }

  #bar(parts) {
    const count = (op) => parts.reduce((sum, part) => sum + part.hunks.reduce((n, { lines }) => n + lines.filter((line) => line.op === op).length, 0), 0);
    const [added, removed] = [count("+"), count("-")];
    return h("div", { class: "diff-bar" },
      h("span", {}, h("span", { class: "good", "aria-label": `${plural(added, "line")} added` }, `+${number(added)}`), " ",
        h("span", { class: "bad", "aria-label": `${plural(removed, "line")} removed` }, `−${number(removed)}`)),
      !this.#narrow && h("div", { class: "switch", role: "group", "aria-label": "How to show the difference" },
        this.#choice("unified", "Unified"), this.#choice("split", "Side by side")));
  }

  #choice(mode, text) {
    return h("button", { type: "button", "aria-pressed": String(mode === chosen()), "on:click": () => this.#choose(mode) }, text);
  }

  #choose(mode) {
    localStorage.setItem(MODE, mode);
    this.#draw();
    this.querySelector('.switch [aria-pressed="true"]')?.focus();
  }

  #part(part, title, titled) {
    const split = chosen() === "split" && !this.#narrow;
    const rows = split ? splitRows(part.hunks) : unifiedRows(part.hunks);
    const body = h("tbody");
    return h("section", { class: "diff-part" },
      part.coarse && h("p", { class: "hint" }, "Too different to be told line by line: all that lies between the common beginning and end is shown as replaced."),
      h("table", { class: split ? "diff split" : "diff" },
        h("caption", { class: titled ? "" : "visually-hidden" }, title,
          h("span", { class: "visually-hidden" }, `: what changed from ${this.#sides.before} to ${this.#sides.after}`)),
        h("colgroup", {}, columns(split).map((name) => h("col", { class: name }))),
        split ? splitHead(this.#sides) : unifiedHead(this.#sides), body),
      portions(rows, body, (row) => (row.gap ? gapRow(row.gap) : split ? splitRow(row) : unifiedRow(row))));
  }
}

/** Draw the first rows, and a button for more while there are more. */
function portions(rows, body, draw) {
  let drawn = 0;
  const more = h("button", { type: "button", class: "more", "on:click": () => next(MORE_ROWS) });
  const next = (count) => {
    body.append(...rows.slice(drawn, drawn + count).map(draw));
    drawn = Math.min(rows.length, drawn + count);
    more.hidden = drawn === rows.length;
    more.textContent = `Show more lines (${number(rows.length - drawn)} left)`;
  };
  next(ROWS);
  return more;
}

function chosen() {
  return localStorage.getItem(MODE) === "split" ? "split" : "unified";
}

/** Lines with their numbers and, where a line became another, that other as `mate`. */
function numbered({ old_start, new_start, lines }) {
  let old = Math.max(1, old_start);
  let fresh = Math.max(1, new_start);
  const all = lines.map((line) => ({ ...line, old: line.op === "+" ? null : old++, fresh: line.op === "-" ? null : fresh++ }));
  for (const { removed, added } of blocks(all)) {
    const texts = (list) => list.map(({ text }) => text);
    for (const [i, j] of pairLines(texts(removed), texts(added))) {
      removed[i].mate = added[j];
      added[j].mate = removed[i];
    }
  }
  return all;
}

/** The changes among the lines: what was removed and what was added in its place. */
function blocks(lines) {
  const found = [];
  let open = null;
  for (const line of lines) {
    if (line.op === " ") open = null;
    else {
      if (!open) found.push((open = { removed: [], added: [] }));
      (line.op === "-" ? open.removed : open.added).push(line);
    }
  }
  return found;
}

function unifiedRows(hunks) {
  return between(hunks).flatMap(([gap, hunk]) => [...(gap ? [{ gap }] : []), ...numbered(hunk)]);
}

function splitRows(hunks) {
  return between(hunks).flatMap(([gap, hunk]) => [...(gap ? [{ gap }] : []), ...facing(numbered(hunk))]);
}

/** Hunks with the number of equal lines before each. */
function between(hunks) {
  let end = 1;
  return hunks.map((hunk) => {
    const gap = Math.max(1, hunk.old_start) - end;
    end = hunk.old_start + hunk.old_lines;
    return [gap, hunk];
  });
}

/** Lines side by side: equal ones and mates face each other, others what happens to be there. */
function facing(lines) {
  const rows = [];
  let [left, right] = [[], []];
  const flush = () => {
    for (let i = 0; i < Math.max(left.length, right.length); i++) rows.push({ left: left[i], right: right[i] });
    [left, right] = [[], []];
  };
  const pending = [];
  for (const line of lines) {
    if (line.op === "-") pending.push(line);
    else if (line.op === "+") {
      if (line.mate) {
        while (pending.length && pending[0] !== line.mate) left.push(pending.shift());
        flush();
        rows.push({ left: pending.shift(), right: line });
      } else right.push(line);
    } else {
      left.push(...pending.splice(0));
      flush();
      rows.push({ left: line, right: line });
    }
  }
  left.push(...pending);
  flush();
  return rows;
}

const columns = (split) => (split ? ["no", "line", "no", "line"] : ["no old", "no", "sign", "line"]);

function unifiedHead({ before, after }) {
  return h("thead", { class: "visually-hidden" }, h("tr", {},
    ["Line in ", "Line in "].map((text, i) => h("th", { scope: "col" }, text + (i ? after : before))), h("th", { scope: "col" }, "Change"), h("th", { scope: "col" }, "Text")));
}

function splitHead({ before, after }) {
  const side = (text) => [h("th", { scope: "col", class: "no" }, h("span", { class: "visually-hidden" }, "Line")), h("th", { scope: "col" }, text)];
  return h("thead", {}, h("tr", {}, side(before), side(after)));
}

const gapRow = (lines) => h("tr", { class: "gap-row" }, h("td", { colSpan: 4 }, `⋯ ${plural(lines, "unchanged line")}`));

function unifiedRow(line) {
  const [sign, said] = SIGNS[line.op];
  return h("tr", { class: CLASSES[line.op] },
    h("td", { class: "no old" }, line.old), h("td", { class: "no" }, line.fresh),
    h("td", { class: "sign" }, sign && [h("span", { "aria-hidden": "true" }, sign), h("span", { class: "visually-hidden" }, said)]),
    h("td", { class: "line" }, content(line)));
}

function splitRow({ left, right }) {
  const cell = (line, no) => [
    h("td", { class: `no ${line ? CLASSES[line.op] : "void"}` }, line && no),
    h("td", { class: `line ${line ? CLASSES[line.op] : "void"}` }, line && content(line)),
  ];
  return h("tr", {}, cell(left, left?.old), cell(right, right?.fresh));
}

/** The text of a line; of a changed one as `<del>` or `<ins>` with its changed words marked. */
function content(line) {
  const end = line.no_newline && h("span", { class: "unended" }, "no newline at the end");
  if (line.op === " ") return [textNodes(line.text), end];
  const pieces = marked(line);
  return [h(line.op === "-" ? "del" : "ins", {}, pieces ? pieces.map(piece) : textNodes(line.text)), end];
}

const piece = ({ text, changed }) => (changed ? h("mark", {}, textNodes(text)) : textNodes(text, KEPT));

function marked(line) {
  if (!line.mate) return null;
  const [before, after] = line.op === "-" ? [line, line.mate] : [line.mate, line];
  before.words ??= wordDiff(before.text, after.text) ?? [];
  return before.words[line.op === "-" ? 0 : 1] ?? null;
}

customElements.define("pc-diff", DiffView);
