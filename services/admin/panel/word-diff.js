// What changed within lines: which old line became which new one, and which of its words.

import { matching } from "./matching.js";

const WORD = /\p{N}+(?:[.,]\p{N}+)*|[\p{L}\p{N}\p{M}_]+|\s+|[^\p{L}\p{N}\p{M}_\s]/gu;
const STEPS = 40000;
const LONGEST = 60000; // a line longer than this is cut into words only between its common ends
const WORD_LENGTH = 60;
const KIN = 0.35; // lines with less in common than this did not become each other
const PAIRS = 900; // pairs of lines worth comparing in one block of changes

/**
 * The pieces of two lines, each `{text, changed}`, as `[before, after]`; null when they have so little in
 * common that marks would say nothing.
 */
export function wordDiff(before, after) {
  const [head, tail] = edges(before, after);
  const a = tokens(before.slice(head, before.length - tail));
  const b = tokens(after.slice(head, after.length - tail));
  const pairs = bridged(a.length + b.length > LONGEST ? [] : matching(a, b, STEPS) ?? [], a, b);
  const kept = pairs.reduce((sum, [i]) => sum + a[i].trim().length, 0) + before.slice(0, head).trim().length + before.slice(before.length - tail).trim().length;
  if (kept < KIN * Math.min(before.trim().length, after.trim().length)) return null;
  const side = (list, which, text) => joined([
    [false, text.slice(0, head)],
    ...list.map((token, i) => [!which.has(i), token]),
    [false, text.slice(text.length - tail)],
  ]);
  return [side(a, new Set(pairs.map(([i]) => i)), before), side(b, new Set(pairs.map(([, j]) => j)), after)];
}

const tokens = (text) => text.match(WORD) ?? [];

/** How many characters are the same at both ends: to whole words, but in words that nobody reads as one. */
function edges(before, after) {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head++;
  head = retreat(head, (n) => inWord(before, n) || inWord(after, n));
  let tail = 0;
  while (tail < most - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return [head, retreat(tail, (n) => inWord(before, before.length - n) || inWord(after, after.length - n))];
}

function retreat(from, inside) {
  for (let n = from; n > Math.max(0, from - WORD_LENGTH); n--) if (!inside(n)) return n;
  return from > WORD_LENGTH ? from : 0;
}

const LETTER = /[\p{L}\p{N}\p{M}_\ud800-\udfff]/u;
const NUMBER = /\d[.,\d]|[.,]\d/;
const inWord = (text, at) => at > 0 && at < text.length && ((LETTER.test(text[at - 1]) && LETTER.test(text[at])) || NUMBER.test(text.slice(at - 1, at + 1)));

/** A blank between two changed words belongs to the change: one mark reads better than many. */
function bridged(pairs, a, b) {
  return pairs.filter(([i, j], n) => {
    const before = pairs[n - 1] ?? [-1, -1];
    const after = pairs[n + 1] ?? [a.length, b.length];
    const alone = (at, side) => before[side] < at - 1 && after[side] > at + 1;
    return a[i].trim() || !(alone(i, 0) || alone(j, 1));
  });
}

function joined(parts) {
  const pieces = [];
  for (const [changed, text] of parts) {
    if (!text) continue;
    if (pieces.at(-1)?.changed === changed) pieces.at(-1).text += text;
    else pieces.push({ text, changed });
  }
  return pieces;
}

/**
 * Which of the removed lines became which of the added ones: pairs of indexes, ascending in both. The most
 * alike are matched; where there are too many lines, they are matched in order.
 */
export function pairLines(removed, added) {
  if (removed.length * added.length > PAIRS) return removed.slice(0, added.length).map((_, i) => [i, i]);
  if (removed.length === 1 && added.length === 1) return [[0, 0]];
  const old = removed.map(bag);
  const fresh = added.map(bag);
  const alike = old.map((one) => fresh.map((other) => likeness(one, other)));
  const best = removed.map(() => new Float64Array(added.length + 1)).concat(new Float64Array(added.length + 1));
  for (let i = removed.length - 1; i >= 0; i--) {
    for (let j = added.length - 1; j >= 0; j--) {
      best[i][j] = Math.max(best[i + 1][j], best[i][j + 1], alike[i][j] < KIN ? 0 : best[i + 1][j + 1] + alike[i][j]);
    }
  }
  return chosen(best);
}

function chosen(best) {
  const pairs = [];
  for (let i = 0, j = 0; best[i][j] > 0;) {
    if (best[i][j] === best[i + 1][j]) i++;
    else if (best[i][j] === best[i][j + 1]) j++;
    else pairs.push([i++, j++]);
  }
  return pairs;
}

const SAMPLE = 4000;
const bag = (text) => new Set(tokens(text.slice(0, SAMPLE)).filter((token) => token.trim()));

/** Dice's coefficient of the words of two lines. */
function likeness(one, other) {
  let both = 0;
  for (const word of one) if (other.has(word)) both++;
  return one.size + other.size ? (2 * both) / (one.size + other.size) : 0;
}
