// What two lists have in common, in order: Myers' algorithm, given up when it would take too long.

/**
 * Pairs `[i, j]` with `a[i] === b[j]`, ascending in both, as many as there can be; null when that takes
 * more than `steps` steps. The common beginning and end cost nothing.
 */
export function matching(a, b, steps) {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const middle = shared(a.slice(head, a.length - tail), b.slice(head, b.length - tail), steps);
  if (middle === null) return null;
  const pairs = [];
  for (let i = 0; i < head; i++) pairs.push([i, i]);
  for (const [i, j] of middle) pairs.push([i + head, j + head]);
  for (let i = tail; i > 0; i--) pairs.push([a.length - i, b.length - i]);
  return pairs;
}

/** What is in one list only can match nothing: it is left out first. */
function shared(a, b, steps) {
  const ofA = new Set(a);
  const ofB = new Set(b);
  const at = [...a.keys()].filter((i) => ofB.has(a[i]));
  const to = [...b.keys()].filter((j) => ofA.has(b[j]));
  const trace = furthest(at.map((i) => a[i]), to.map((j) => b[j]), steps);
  return trace && walk(trace, at.length, to.length).map(([x, y]) => [at[x], to[y]]);
}

/** How far each diagonal comes with 0, 1, 2 … differences, until the end is reached. */
function furthest(a, b, steps) {
  const trace = [];
  let last = new Int32Array(3);
  for (let d = 0; ; d++) {
    const reach = new Int32Array(2 * d + 3);
    steps -= d + 1;
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && last[k - 1 + d] < last[k + 1 + d]);
      let x = d === 0 ? 0 : down ? last[k + 1 + d] : last[k - 1 + d] + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) {
        x++;
        steps--;
      }
      reach[k + d + 1] = x;
      if (x >= a.length && x - k >= b.length) return [...trace, reach];
    }
    if (steps < 0) return null;
    trace.push(reach);
    last = reach;
  }
}

/** The way back from the end: the pairs on it. */
function walk(trace, x, y) {
  const pairs = [];
  for (let d = trace.length - 1; d >= 0; d--) {
    const k = x - y;
    const last = trace[d - 1];
    const down = d > 0 && (k === -d || (k !== d && last[k - 1 + d] < last[k + 1 + d]));
    const before = d === 0 ? 0 : down ? last[k + 1 + d] : last[k - 1 + d];
    const start = d === 0 ? 0 : down ? before : before + 1;
    while (x > start) pairs.push([--x, --y]);
    x = before;
    y = before - (down ? k + 1 : k - 1);
  }
  return pairs.reverse();
}
