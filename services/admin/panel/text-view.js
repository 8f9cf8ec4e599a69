// Text that somebody wrote, shown as it is: characters that hide themselves or turn others round appear by
// their number (they are how an instruction is smuggled past a reviewer), and what is very long appears in part.

import { h } from "./dom.js";
import { number } from "./words.js";

// Bidirectional controls, zero-width and filler characters, soft hyphens, tags, C1 controls, line separators.
// Joiners are shown where no script needs them.
const ODD = /(?:[\u0080-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]|(?<=^|[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}\p{P}\s])[\u200c\u200d])+/gu;
const NAMES = {
  "\u200b": "zero-width space", "\u200e": "left-to-right mark", "\u200f": "right-to-left mark", "\u00ad": "soft hyphen",
  "\u202a": "left-to-right embedding", "\u202b": "right-to-left embedding", "\u202c": "end of embedding",
  "\u202d": "left-to-right override", "\u202e": "right-to-left override", "\ufeff": "byte order mark",
  "\u2066": "left-to-right isolate", "\u2067": "right-to-left isolate", "\u2068": "isolate", "\u2069": "end of isolate",
};
const SPELLED = 3;
const LIMIT = 2000;

/** Nodes for a text. Beyond `limit` characters a button stands for the rest, but for the last `tail`. */
export function textNodes(text, { limit = LIMIT, tail = 0 } = {}) {
  if (text.length <= limit * 1.2) return visible(text);
  const from = whole(text, limit - tail);
  const to = whole(text, text.length - tail);
  const more = h("button", { class: "rest", type: "button", "on:click": () => unfold(more, text.slice(from, to)) },
    `… ${number(to - from)} more characters`);
  return [...visible(text.slice(0, from)), more, ...visible(text.slice(to))];
}

/** A text for places that hold nothing but text: every such run is one replacement character. */
export const plain = (text) => text.replaceAll(ODD, "\ufffd");

function unfold(button, text) {
  const all = h("span", { tabIndex: -1 }, visible(text));
  button.replaceWith(all);
  all.focus({ preventScroll: true });
}

/** An index that does not cut a character in two. */
function whole(text, index) {
  const code = text.charCodeAt(index);
  return code >= 0xdc00 && code <= 0xdfff ? index - 1 : index;
}

function visible(text) {
  const nodes = [];
  let done = 0;
  for (const found of text.matchAll(ODD)) {
    if (found.index > done) nodes.push(text.slice(done, found.index));
    nodes.push(odd([...found[0]]));
    done = found.index + found[0].length;
  }
  if (done < text.length) nodes.push(text.slice(done));
  return nodes;
}

function odd(characters) {
  const codes = characters.slice(0, SPELLED).map((each) => `U+${each.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`);
  const rest = characters.length - codes.length;
  const name = NAMES[characters[0]] ?? "invisible character";
  return h("span", { class: "odd", title: `Not seen otherwise: ${name}` }, codes.join(" ") + (rest > 0 ? ` +${number(rest)}` : ""));
}
