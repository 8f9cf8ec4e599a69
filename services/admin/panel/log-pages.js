// Reading a log backwards: the service gives it oldest first, people want the newest first.

import { api } from "./api.js";

export const PAGE = 40;

/** Entries behind `cursor` up to `top`, oldest first, however many pages it takes. */
export async function between(path, cursor, top, signal) {
  const items = [];
  for (let at = cursor; at < top;) {
    const { body } = await api.get(`${path}?cursor=${at}&limit=${Math.min(1000, top - at)}`, { signal });
    items.push(...body.items.filter((item) => item.position <= top));
    if (body.next === null || body.next <= at) break;
    at = body.next;
  }
  return items;
}

/** The page that ends at `top`: `{items, below}`, newest first; `below` is the next top, 0 at the end. */
export async function backwards(path, top, signal) {
  const below = Math.max(0, top - PAGE);
  return { items: (await between(path, below, top, signal)).reverse(), below };
}

/** The last position of a log that nobody tells it of: looked for, in few and small questions. */
export async function lastOf(path, signal) {
  const beyond = async (cursor) => (await api.get(`${path}?cursor=${cursor}&limit=1`, { signal })).body.items.length === 0;
  let high = 1;
  while (!(await beyond(high))) high *= 2;
  let low = Math.floor(high / 2);
  if (low === 0) low = -1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await beyond(middle)) high = middle;
    else low = middle;
  }
  return high;
}
