// What there is to say about a text that is being written: mistakes, secrets, what cannot be seen, its size.

import { h, icon } from "./dom.js";
import { MANY_WORDS, MOST_BYTES, placeOf } from "./validation.js";
import { number, plural } from "./words.js";

const SHOWN = 8;

/** Size against the limit, words, and the guess of tokens. */
export function facts({ bytes, words, tokens }) {
  const over = bytes > MOST_BYTES;
  return [
    h("span", { class: over ? "bad" : "" }, h("b", {}, number(bytes)), ` of ${number(MOST_BYTES)} bytes`),
    h("span", {}, plural(words, "word")),
    h("span", { title: "A guess from the text's length: every model counts its own way." }, `≈ ${number(tokens)} tokens (estimate)`),
  ];
}

/** Lines under the editor; `goTo` and `select` lead to the place, `goToSetting` to a field of the settings. */
export function findings({ text, mistakes, settings, secrets, unseen, size }, { goTo, select, goToSetting }) {
  return [
    ...mistakes.slice(0, SHOWN).map((mistake) => wrong(mistake, goTo, goToSetting)),
    ...settings.map((error) => line("bad", "cross", error)),
    secrets.length > 0 && line("warn", "key", "This looks like ", secrets.slice(0, SHOWN).map((each, at) => [at > 0 && ", ", secret(each, text, select)]),
      secrets.length > SHOWN && " and more", ". A prompt is no place for secrets: models repeat what they are told, and the history keeps it."),
    unseen > 0 && line("warn", "alert", `${plural(unseen, "character")} here cannot be seen (direction marks and their like): they are marked in the text.`),
    size.words > MANY_WORDS && line("warn", "alert", `More than ${number(MANY_WORDS)} words: every request pays for them, and models follow long instructions less closely.`),
  ].filter(Boolean);
}

const line = (kind, picture, ...words) => h("li", { class: `remark ${kind}` }, icon(picture), h("span", {}, words));

function wrong({ pointer, detail, line: row, column }, goTo, goToSetting) {
  if (row) {
    return line("bad", "cross", h("button", { class: "link", type: "button", "on:click": () => goTo(row, column) }, `Line ${row}, column ${column}`), `: ${detail}`);
  }
  if (pointer?.startsWith("/config")) {
    const name = pointer.split("/").slice(2).join(" › ") || "settings";
    return line("bad", "cross", h("button", { class: "link", type: "button", "on:click": () => goToSetting(pointer) }, name), `: ${detail}`);
  }
  return line("bad", "cross", pointer === "/note" ? `Note: ${detail}` : detail);
}

const secret = ({ what, start, end, shown }, text, select) => [`${what} (`, h("code", {}, shown), " in ",
  h("button", { class: "link", type: "button", "on:click": () => select(start, end) }, `line ${placeOf(text, start).line}`), ")"];
