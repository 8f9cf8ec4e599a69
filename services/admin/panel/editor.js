// The text of a prompt, with its variables marked: `<pc-editor>`.
//
// A textarea does the editing, so undo, spelling, input methods and screen readers work as everywhere. A layer
// behind it holds the same text, transparent, and paints what is marked: variables, mistakes, and characters
// that change what one sees without being seen. Only lines that changed are built anew; a very long text is
// painted when the typing pauses.

import { h, replace } from "./dom.js";
import { offsetOf } from "./validation.js";

const MUCH = 40000;
const PAUSE_MS = 250;
const NAME = "[A-Za-z_][A-Za-z0-9_]{0,63}";
// direction marks, zero-width characters, and controls, which a template may not hold at all
const UNSEEN = "[\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]";
const MARKS = new RegExp(`\\\\\\{\\{|\\{\\{[ \\t]*(${NAME})[ \\t]*\\}\\}|(\\{\\{)|(${UNSEEN})`, "g");
const UNDOABLE = 50000;
const MOST_MARKS = 500; // in one line: each is a box that the browser has to lay out
const BACKWARDS = /[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufdff\ufe70-\ufefc]/; // written from right to left

/** The variables of a template, each once. */
export function variablesOf(text) {
  return [...new Set([...text.matchAll(MARKS)].map((match) => match[1]).filter(Boolean))];
}

/** How many characters of a text cannot be seen. */
export const unseenIn = (text) => text.match(new RegExp(UNSEEN, "g"))?.length ?? 0;

customElements.define("pc-editor", class extends HTMLElement {
  #area = h("textarea", { class: "editor-text", spellcheck: false, rows: 18, autocomplete: "off", placeholder: "You are a helpful assistant. Variables are written {{ name }}." });
  #layer = h("div", { class: "editor-layer", "aria-hidden": "true" });
  #lines = [];
  #places = [];
  #timer = 0;
  #leaving = null;

  get value() {
    return this.#area.value;
  }

  /** Another text; nothing is told of it. */
  set value(text) {
    if (text === this.#area.value) return;
    this.#area.value = text;
    this.#paint();
  }

  set readOnly(readOnly) {
    this.#area.readOnly = readOnly;
  }

  /** Names of the label and of what describes it, for those who do not see it. */
  describe(label, description) {
    this.#area.id = label;
    this.#area.setAttribute("aria-describedby", description);
  }

  /** `[{line, column}]` to be marked as wrong. */
  set mistakes(mistakes) {
    this.#places = mistakes.filter((each) => each.line);
    this.#area.setAttribute("aria-invalid", mistakes.length ? "true" : "false");
    this.#underline();
  }

  connectedCallback() {
    this.#leaving = new AbortController();
    const { signal } = this.#leaving;
    replace(this, this.#layer, this.#area);
    this.#area.addEventListener("input", () => this.#typed(), { signal });
    this.#area.addEventListener("scroll", () => this.#follow(), { signal, passive: true });
    const sized = new ResizeObserver(() => this.#follow());
    sized.observe(this.#area);
    signal.addEventListener("abort", () => sized.disconnect());
    this.#paint();
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#leaving.abort();
  }

  focus() {
    this.#area.focus();
  }

  /** Another text as if it had been typed: Ctrl-Z brings the old one back (a very long one is just set). */
  type(text) {
    this.#area.focus();
    this.#area.select();
    const typed = text.length < UNDOABLE && this.#area.value.length < UNDOABLE && document.execCommand("insertText", false, text);
    if (!typed || this.#area.value !== text) this.value = text;
    this.#area.setSelectionRange(0, 0);
    this.#area.scrollTop = 0;
  }

  /** Select the text between two offsets and bring it into sight. */
  select(start, end = start + 1) {
    this.#paint();
    this.#area.focus({ preventScroll: true });
    this.#area.setSelectionRange(start, end);
    const range = this.#range(start, end);
    if (range) this.#area.scrollTop = range.getBoundingClientRect().top - this.#layer.firstChild.getBoundingClientRect().top - 60;
    this.scrollIntoView({ block: "nearest" });
  }

  /** Go to a line and column, as problems name them. */
  goTo(line, column) {
    const start = offsetOf(this.value, line, column);
    this.select(start, start + 1);
  }

  #typed() {
    clearTimeout(this.#timer);
    const much = this.#area.value.length > MUCH;
    this.#layer.classList.toggle("behind", much);
    if (much) this.#timer = setTimeout(() => this.#paint(), PAUSE_MS);
    else this.#paint();
    this.dispatchEvent(new Event("edited"));
  }

  #paint() {
    // each line in its own direction; it costs much in a long text, so only where there are two
    this.classList.toggle("two-ways", BACKWARDS.test(this.#area.value));
    const lines = this.#area.value.split("\n");
    const [from, oldEnd, newEnd] = changed(this.#lines, lines);
    const stale = [...this.#layer.children].slice(from, oldEnd);
    const fresh = lines.slice(from, newEnd).map(painted);
    const next = this.#layer.children[oldEnd] ?? null;
    for (const line of stale) line.remove();
    for (const line of fresh) this.#layer.insertBefore(line, next);
    this.#lines = lines;
    this.#layer.classList.remove("behind");
    this.#underline();
    this.#follow();
  }

  /** Where the service found a mistake: marked by the browser's own highlights, which move no text. */
  #underline() {
    if (!globalThis.CSS?.highlights || !this.isConnected) return;
    const ranges = this.#places.map(({ line, column }) => {
      const start = offsetOf(this.value, line, column);
      return this.#range(start, Math.min(start + 2, this.value.length));
    });
    CSS.highlights.set("mistake", new Highlight(...ranges.filter(Boolean)));
  }

  /** The range of the layer that shows these offsets. */
  #range(start, end) {
    let offset = start;
    for (const [number, line] of this.#lines.entries()) {
      if (offset > line.length) {
        offset -= line.length + 1;
        continue;
      }
      const element = this.#layer.children[number];
      return element && rangeIn(element, offset, Math.min(line.length, offset + end - start));
    }
    return null;
  }

  #follow() {
    this.#layer.scrollTop = this.#area.scrollTop;
  }
});

/** Where two lists differ: `[from, end in the old, end in the new]`. */
function changed(before, after) {
  const shorter = Math.min(before.length, after.length);
  let from = 0;
  while (from < shorter && before[from] === after[from]) from++;
  let same = 0;
  while (same < shorter - from && before.at(-1 - same) === after.at(-1 - same)) same++;
  return [from, before.length - same, after.length - same];
}

/** A line, with what is marked in elements of its own. */
function painted(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(MARKS)) {
    const kind = match[1] ? "mark-variable" : match[2] ? "mark-wrong" : match[3] ? "mark-unseen" : null;
    if (!kind) continue;
    if (parts.length > 2 * MOST_MARKS) break;
    parts.push(text.slice(end, match.index), h("span", { class: kind }, match[0]));
    end = match.index + match[0].length;
  }
  return h("div", {}, ...parts.filter((part) => part !== ""), text.slice(end));
}

function rangeIn(element, start, end) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let before = 0;
  let open = true;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const after = before + node.length;
    if (open && start <= after) {
      range.setStart(node, start - before);
      open = false;
    }
    if (!open && end <= after) {
      range.setEnd(node, end - before);
      break;
    }
    before = after;
  }
  return range;
}
