// Copying text; where the browser does not let us, the text is shown to be copied by hand.

import { h, icon } from "./dom.js";

const SAID_MS = 2500;

/** Whether `text` is in the clipboard now. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text); // not there without TLS or loopback
    return true;
  } catch {
    return false;
  }
}

/** A button that copies what `text()` gives; `instead(text)` is told when the browser refused. */
export function copyButton(label, text, instead, props = {}) {
  const words = h("span", { role: "status" }, label);
  const button = h("button", { type: "button", ...props, "on:click": async () => {
    button.disabled = true;
    const what = await text();
    button.disabled = false;
    const done = what !== null && (await copy(what));
    if (what !== null && !done) return instead(what);
    if (done) words.textContent = "Copied";
    setTimeout(() => (words.textContent = label), SAID_MS);
  } }, icon("copy"), words);
  return button;
}

/** A one-line text that was made for being copied: selected by a click, and a button beside it. */
export function copyLine(label, text) {
  const line = h("input", { class: "mono", value: text, readOnly: true, "aria-label": label, "on:focus": () => line.select() });
  return h("div", { class: "copy-line" }, line, copyButton("Copy", () => text, () => line.focus(), { class: "primary" }));
}
