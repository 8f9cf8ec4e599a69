// The difference of two texts that only this browser has, line by line, as the service tells that of two versions.

import { matching } from "./matching.js";

const CONTEXT = 3;
const STEPS = 400000;

/** How `before` becomes `after`: `{hunks, coarse}` as in an answer of `GET …/diff`; coarse when it took too long. */
export function diffTexts(before, after) {
  const a = lines(before);
  const b = lines(after);
  const pairs = matching(a, b, STEPS);
  const found = blocks(pairs ?? ends(a, b), a.length, b.length);
  return { hunks: groups(found).map((group) => hunk(group, a, b)), coarse: pairs === null };
}

/** Only a newline ends a line; the last one may be without. */
function lines(text) {
  const all = text.split("\n");
  const last = all.pop();
  const ended = all.map((line) => `${line}\n`);
  return last ? [...ended, last] : ended;
}

/** The common beginning and end alone. */
function ends(a, b) {
  const pairs = [];
  while (pairs.length < Math.min(a.length, b.length) && a[pairs.length] === b[pairs.length]) pairs.push([pairs.length, pairs.length]);
  const tail = [];
  for (let i = a.length - 1, j = b.length - 1; i >= pairs.length && j >= pairs.length && a[i] === b[j]; i--, j--) tail.push([i, j]);
  return [...pairs, ...tail.reverse()];
}

/** Lines `[0, 1)` of the old text are replaced by lines `[2, 3)` of the new one. */
function blocks(pairs, oldCount, newCount) {
  const found = [];
  let i = 0;
  let j = 0;
  for (const [x, y] of [...pairs, [oldCount, newCount]]) {
    if (x > i || y > j) found.push([i, x, j, y]);
    i = x + 1;
    j = y + 1;
  }
  return found;
}

/** Blocks whose contexts touch, together. */
function groups(found) {
  const all = [];
  for (const block of found) {
    const near = all.at(-1);
    if (near && block[0] - near.at(-1)[1] <= 2 * CONTEXT) near.push(block);
    else all.push([block]);
  }
  return all;
}

function hunk(group, a, b) {
  const before = Math.min(CONTEXT, group[0][0]);
  const end = Math.min(a.length, group.at(-1)[1] + CONTEXT);
  const [start, newStart] = [group[0][0] - before, group[0][2] - before];
  const found = [];
  const put = (op, texts) => texts.forEach((text) => found.push(line(op, text)));
  let i = start;
  for (const [fromOld, toOld, fromNew, toNew] of group) {
    put(" ", a.slice(i, fromOld));
    put("-", a.slice(fromOld, toOld));
    put("+", b.slice(fromNew, toNew));
    i = toOld;
  }
  put(" ", a.slice(i, end));
  const oldLines = end - start;
  const newLines = found.filter(({ op }) => op !== "-").length;
  return {
    old_start: start + (oldLines > 0 ? 1 : 0), old_lines: oldLines,
    new_start: newStart + (newLines > 0 ? 1 : 0), new_lines: newLines, lines: found,
  };
}

const line = (op, text) => (text.endsWith("\n") ? { op, text: text.slice(0, -1) } : { op, text, no_newline: true });
