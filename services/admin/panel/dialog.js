// Asking back, and saying that something was done.

import { h, id } from "./dom.js";

/** Resolves to whether the person agreed. `body`: nodes or text; `danger`: the action takes something away. */
export function confirm({ title, body, action, danger = false, wide = false }) {
  return new Promise((resolve) => {
    const name = id("dialog");
    const yes = h("button", { class: danger ? "danger" : "primary", type: "submit", value: "yes" }, action);
    const dialog = h("dialog", { class: wide ? "wide" : "", "aria-labelledby": name },
      h("form", { method: "dialog" },
        h("h2", { id: name }, title),
        h("div", { class: "dialog-body" }, body),
        h("div", { class: "actions" },
          h("button", { type: "button", "on:click": () => dialog.close("no") }, "Cancel"), yes))); // Enter in a field agrees
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    yes.focus();
  });
}

const SHOWN_MS = 6000;

/** A line that goes by itself; `kind` is `good`, `bad` or empty. Problems stay until they are closed. */
export function toast(text, kind = "") {
  const line = h("div", { class: `toast ${kind}`, role: kind === "bad" ? "alert" : "status" },
    h("span", {}, text),
    h("button", { class: "quiet", "aria-label": "Close", "on:click": () => line.remove() }, "×"));
  tray().append(line);
  if (kind !== "bad") setTimeout(() => line.remove(), SHOWN_MS);
}

function tray() {
  let found = document.querySelector(".toasts");
  if (!found) document.body.append((found = h("div", { class: "toasts" })));
  return found;
}
