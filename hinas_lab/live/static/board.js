// A search on a board, drawn from numbers (live/film.py says which). One module for the live panel,
// the replay and a page without a kernel: `mount(element, films, options)`, and the widget's
// `initialize` and `render`. Every pane is a function of (film, moment, place) that gives an SVG;
// a pane whose SVG did not change is left alone.

// cividis in nine steps: dark to bright, safe for colour-blind readers
const HEAT = ["#00224e", "#1a386f", "#434e6c", "#61656f", "#7d7c78", "#9b9476", "#bcae6c", "#dec958", "#fee838"];
const SPEEDS = [0.5, 1, 2, 4, 8]; // epochs a second
const CALM = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false;
const LINES = 600; // points of a curve: more than there are pixels shows nothing
const WIDE = 980, MEDIUM = 560; // CSS pixels of one board, where its layout changes

const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const digits = (x, n = 3) => (Number.isFinite(x) ? Number(x.toPrecision(n)).toString() : "–");

function tag(name, attributes, inner = "") {
  let text = `<${name}`;
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) text += ` ${key}="${escape(value)}"`;
  }
  return `${text}>${inner}</${name}>`;
}
const rect = (x, y, width, height, more) => tag("rect", { x, y, width, height, ...more });
const line = (x1, y1, x2, y2, more) => tag("line", { x1, y1, x2, y2, ...more });
const say = (x, y, text, more) => tag("text", { x, y, ...more }, escape(text));
const round = (x) => Math.round(10 * x) / 10;

function polyline(points, more) {
  const shown = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  const text = shown.map(([x, y]) => `${round(x)},${round(y)}`).join(" ");
  return tag("polyline", { points: text, fill: "none", ...more });
}

// ---------------------------------------------------------------- numbers of a film

function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return Float32Array.from(new Uint16Array(bytes.buffer), (n) => n / 65535);
}

// a row's probabilities, unpacked once: p[(layer * E + edge) * K + operation], and one per move
function probabilities(row) {
  row.p ??= unpack(row.alpha);
  row.moves ??= unpack(row.beta);
  return row.p;
}

// before the first step there is only the architecture that the search begins with
const rowsOf = (film) => (film.epochs.length ? film.epochs : [film.first]);

// What the board shows: an epoch that is over, or (time "now") the running one
export function momentOf(film, time) {
  const { now, steps } = film;
  const epochs = rowsOf(film);
  const last = epochs.length - 1;
  const isNow = time === "now" || time > last;
  const at = isNow ? last : time;
  const live = isNow && now && now.t > epochs[last].epoch ? now : null;
  const shown = live ?? epochs[at];
  const t = live ? live.t : epochs[at].epoch;
  let count = steps.length;
  while (!isNow && count && steps[count - 1][0] > t + 1e-6) count -= 1;
  const before = live ? epochs[last] : epochs[at - 1];
  const rows = epochs.slice(0, at + 1);
  const picture = film.pictures.filter((picture) => picture.epoch <= Math.ceil(t)).pop();
  return { shown, before, rows, count, t, picture, best: rows[at].best };
}

const weight = (film, row, layer, edge, k) =>
  probabilities(row)[((film.head.tied ? 0 : layer) * film.head.edges.length + edge) * film.head.ops.length + k];

// [edge, operation] that the genotype keeps in a layer
function kept(film, row, layer) {
  const found = [];
  row.cells[layer].forEach((node, i) => {
    for (const [k, source] of node) {
      found.push([film.head.edges.findIndex(([j, n]) => j === source && n === i), k]);
    }
  });
  return found;
}

const sourceName = (j) => ["h(l-1)", "h(l-2)"][j] ?? `node ${j - 2}`;
const edgeName = (film, e) => `${sourceName(film.head.edges[e][0])} → node ${film.head.edges[e][1]}`;
const widthName = (film, i) => `${film.head.widths[i]}·W`;

// ---------------------------------------------------------------- scales

function heat(p) {
  // the square root, from 0 to 1 in every frame and every search: 1/7 and 1/2 can be told apart
  const x = Math.sqrt(clamp(p, 0, 1)) * (HEAT.length - 1);
  const n = Math.min(Math.floor(x), HEAT.length - 2);
  const channel = (colour, c) => parseInt(colour.slice(1 + 2 * c, 3 + 2 * c), 16);
  const mixed = [0, 1, 2].map((c) => {
    const [low, high] = [channel(HEAT[n], c), channel(HEAT[n + 1], c)];
    return Math.round(low + (x - n) * (high - low));
  });
  return `rgb(${mixed})`;
}

function ticksBetween(low, high, count = 4) {
  const span = Math.max(high - low, 1e-3 * Math.abs(high), 1e-9);
  const power = 10 ** Math.floor(Math.log10(span / count));
  const step = power * [1, 2, 5, 10].find((m) => span / (m * power) <= count);
  const ticks = [];
  for (let n = Math.floor(low / step + 1e-9); n * step < high + step * (1 - 1e-9); n += 1) ticks.push(n * step);
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    ticks.push(...[1, 2, 5].map((m) => m * 10 ** power));
  }
  const first = Math.max(0, ticks.findLastIndex((tick) => tick <= low * (1 + 1e-9)));
  const last = ticks.findIndex((tick) => tick >= high * (1 - 1e-9));
  const inside = ticks.slice(first, Math.max(first + 2, last + 1));
  return inside.length <= 7 ? inside : inside.filter((tick) => Math.abs(Math.log10(tick) % 1) < 1e-9);
}

// heights pushed apart to at least `gap`, in their order, inside [low, high]
function spread(heights, gap, low, high) {
  const order = heights.map((_, n) => n).sort((a, b) => heights[a] - heights[b]);
  const placed = [...heights];
  let floor = low;
  for (const n of order) floor = (placed[n] = Math.max(placed[n], floor)) + gap;
  let ceiling = high;
  for (const n of order.reverse()) ceiling = (placed[n] = Math.min(placed[n], ceiling)) - gap;
  return placed;
}

// axes over all epochs: scales, and what lies behind the curves
function axes(film, moment, place, { title, low, high, ticks, log = false }) {
  const { width, em } = place;
  const height = place.height ?? clamp(0.52 * width, 10 * em, 17 * em);
  const box = { left: 3.4 * em, right: width - 2.4 * em, top: 1.9 * em, bottom: height - 2.1 * em };
  const last = Math.max(film.head.epochs, rowsOf(film).at(-1).epoch);
  const flat = log ? Math.log : (y) => y;
  const x = (t) => box.left + (t / last) * (box.right - box.left);
  const y = (value) => {
    const share = (flat(value) - flat(low)) / (flat(high) - flat(low));
    return box.bottom - clamp(share, -0.05, 1.05) * (box.bottom - box.top);
  };
  const time = (px) => ((px - box.left) / (box.right - box.left)) * last;
  let behind = say(0.2 * em, 1.1 * em, title, { class: "title" });
  const warm = Math.min(film.head.warmup, last);
  if (warm) {
    behind += rect(x(0), box.top, x(warm) - x(0), box.bottom - box.top, { class: "warmup" });
    if (x(warm) - x(0) > 4.5 * em) behind += say(x(warm / 2), box.bottom + 2 * em, "warm-up", { class: "faint small middle" });
  }
  for (const tick of ticks) {
    if (tick < low * (1 - 1e-9) || tick > high * (1 + 1e-9)) continue;
    behind += line(box.left, y(tick), box.right, y(tick), { class: "rule" });
    behind += say(box.left - 0.4 * em, y(tick) + 0.35 * em, digits(tick), { class: "small end" });
  }
  for (const tick of ticksBetween(0, last, 5)) {
    if (tick > last || tick % 1) continue;
    behind += say(x(tick), box.bottom + 1.2 * em, tick, { class: "small middle" });
  }
  behind += say(box.right, box.bottom + 2 * em, "epoch", { class: "faint end small" });
  behind += line(box.left, box.bottom, box.right, box.bottom, { class: "axis" });
  if (moment.best) behind += line(x(moment.best), box.top, x(moment.best), box.bottom, { class: "best dotted" });
  return { x, y, time, box, height, behind };
}

function endLabels(frame, em, labels, kind = "") {
  const known = labels.filter(({ y }) => Number.isFinite(y));
  const places = spread(known.map(({ y }) => y), 1.05 * em, frame.box.top, frame.box.bottom);
  return known
    .map(({ x, name, colour }, n) => say(x + 0.35 * em, places[n] + 0.35 * em, name, { class: `label ${kind}`, style: `fill:${colour}` }))
    .join("");
}

const thinned = (points) => {
  const every = Math.ceil(points.length / LINES);
  return points.filter((_, n) => n % every === 0 || n === points.length - 1);
};

// the row whose epoch is nearest to a place on the axis
function nearest(moment, t) {
  const e = clamp(Math.round(t), moment.rows[0].epoch, moment.rows.at(-1).epoch);
  return moment.rows.find((row) => row.epoch === e) ?? moment.rows.at(-1);
}

// ---------------------------------------------------------------- panes: the architecture now

function maps(film, moment, { width, em, layer: chosenLayer, edge: chosenEdge }) {
  const { ops, edges, layers, tied } = film.head;
  const count = tied ? 1 : layers;
  const [left, gap, top] = [8.2 * em, 1.8 * em, 3 * em];
  const rowHeight = clamp((16 * em) / edges.length, 1.45 * em, 2.6 * em);
  const across = clamp(Math.floor((width - left) / (ops.length * 1.25 * em + gap)), 1, count);
  const mapWidth = Math.min((width - left) / across - gap, ops.length * 3.2 * em);
  const cell = mapWidth / ops.length;
  const mapHeight = top + edges.length * rowHeight + 0.8 * em;
  let svg = "";
  const spoken = [];
  for (let l = 0; l < count; l += 1) {
    const [x0, y0] = [left + (l % across) * (mapWidth + gap), Math.floor(l / across) * mapHeight];
    const title = tied ? "softmax(α), all layers" : `softmax(α), layer ${l}`;
    svg += say(x0, y0 + 1.1 * em, title, { class: "title" });
    ops.forEach((op, k) => {
      const never = op.keepable ? "" : " never";
      const tip = op.keepable ? op.label : `${op.label}: never kept, a decoded edge must carry something`;
      svg += say(x0 + (k + 0.5) * cell, y0 + 2.6 * em, op.code, { class: `label middle${never}`, "data-tip": tip });
    });
    const winners = kept(film, moment.shown, l);
    edges.forEach(([, node], e) => {
      const y = y0 + top + e * rowHeight;
      if (l % across === 0) svg += say(left - 0.5 * em, y + 0.5 * rowHeight + 0.3 * em, edgeName(film, e), { class: "small end" });
      if (e && node !== edges[e - 1][1]) svg += line(x0, y - 0.5, x0 + mapWidth, y - 0.5, { class: "part" });
      ops.forEach((op, k) => {
        const p = weight(film, moment.shown, l, e, k);
        const tip = `${title.slice(12)}, ${edgeName(film, e)}, ${op.label}: ${digits(p)}`;
        const more = { fill: heat(p), "data-pick": `${l},${e}`, "data-tip": tip, class: "cell" };
        svg += rect(round(x0 + k * cell), y, round(cell), rowHeight - 1, more);
      });
    });
    for (const [e, k] of winners) {
      const [x, y] = [x0 + k * cell, y0 + top + e * rowHeight];
      const p = weight(film, moment.shown, l, e, k);
      svg += rect(x + 1, y + 0.5, cell - 2, rowHeight - 2, { class: "frame" });
      svg += say(x + cell / 2, y + 0.5 * rowHeight + 0.3 * em, ops[k].code, { class: "label middle through", style: `fill:${p < 0.3 ? "#fff" : "#000"}` });
      spoken.push(`layer ${l}, ${edgeName(film, e)}: ${ops[k].label} ${digits(p, 2)}`);
    }
    if (l === (tied ? 0 : chosenLayer)) {
      const y = y0 + top + chosenEdge * rowHeight;
      svg += rect(x0 - 1.5, y - 1, mapWidth + 3, rowHeight + 1, { class: "chosen" });
      svg += say(x0 + mapWidth + 0.25 * em, y + 0.5 * rowHeight + 0.35 * em, "◂", { class: "label" });
    }
  }
  const bottom = Math.ceil(count / across) * mapHeight;
  const [x, y, wide] = [left, bottom + 0.2 * em, 12 * em];
  for (let n = 0; n < 36; n += 1) svg += rect(x + (n * wide) / 36, y, wide / 36 + 0.5, 0.6 * em, { fill: heat((n / 35) ** 2) });
  for (const p of [0, 0.1, 0.25, 0.5, 1]) {
    svg += say(x + Math.sqrt(p) * wide, y + 1.6 * em, p, { class: "small middle" });
  }
  svg += say(x + wide + 1.2 * em, y + 0.65 * em, "framed: kept by the decoder", { class: "faint small" });
  return { svg, height: bottom + 2.2 * em, label: `Probabilities of operations. Kept: ${spoken.join("; ")}` };
}

function trellis(film, moment, { width, em }) {
  const { moves, columns, layers, norm } = film.head;
  const widths = [...new Set(columns.flat())].sort((a, b) => a - b);
  const rowHeight = clamp((0.75 * width) / widths.length, 3.2 * em, 6 * em);
  const [left, top, high] = [2.6 * em, 2.4 * em, widths.length * rowHeight];
  const step = (width - 2 * left) / layers;
  const [half, tall] = [Math.min(1.9 * em, 0.28 * step), 0.95 * em];
  const x = (column) => left + column * step;
  const y = (i) => top + high - (widths.indexOf(i) + 0.5) * rowHeight;
  probabilities(moment.shown);
  const path = [0, ...moment.shown.path];
  const order = moves.map((move, m) => [move, m, path[move[0]] === move[1] && path[move[0] + 1] === move[2]]);
  order.sort((a, b) => a[2] - b[2]);
  let [arrows, numbers, boxes] = ["", "", ""];
  for (const [[l, from, to], m, isKept] of order) {
    const p = moment.shown.moves[m];
    const [tail, head] = [[x(l) + half + 2, y(from)], [x(l + 1) - half - 2, y(to)]];
    const name = `${l ? `layer ${l - 1}` : "start"} → layer ${l}, ${widthName(film, from)} → ${widthName(film, to)}: ${digits(p)}`;
    arrows += arrow(tail, head, p, em, { class: isKept ? "kept" : "move", "data-tip": name });
    const share = from === to ? 0.42 : 0.28; // diagonals cross in the middle
    const [px, py] = [tail[0] + share * (head[0] - tail[0]), tail[1] + share * (head[1] - tail[1])];
    if (step > 6.5 * em) numbers += say(px, py + 0.35 * em, p.toFixed(2), { class: `small middle paper through${isKept ? " bold" : ""}` });
  }
  columns.forEach((column, c) => {
    for (const i of column) {
      const isKept = path[c] === i;
      boxes += rect(x(c) - half, y(i) - tall, 2 * half, 2 * tall, { rx: 0.3 * em, class: isKept ? "width kept" : "width" });
      boxes += say(x(c), y(i) + 0.35 * em, widthName(film, i), { class: `small middle through${isKept ? " bold" : ""}` });
    }
    boxes += say(x(c), top + high + 0.9 * em, c ? `layer ${c - 1}` : "start", { class: "small middle" });
  });
  const kind = norm === "outgoing" ? "probability" : "score";
  const title = `β: width path ${moment.shown.path.map((i) => widthName(film, i)).join(", ")}, ${kind} ${digits(moment.shown.value)}`;
  const svg = say(0.2 * em, 1.1 * em, title, { class: "title" }) + arrows + numbers + boxes;
  return { svg, height: top + high + 1.8 * em, label: title };
}

// a shaft as thick as the weight, a head a bit wider
function arrow([x0, y0], [x1, y1], p, em, more) {
  const length = Math.hypot(x1 - x0, y1 - y0) || 1;
  const [ax, ay] = [(x1 - x0) / length, (y1 - y0) / length];
  const thin = (0.03 + 0.25 * p) * em, wide = (0.25 + 0.3 * p) * em, long = (0.6 + 0.35 * p) * em;
  const at = (along, across) => `${round(x0 + along * ax - across * ay)},${round(y0 + along * ay + across * ax)}`;
  const neck = Math.max(0, length - long);
  const points = [at(0, thin), at(neck, thin), at(neck, wide), at(length, 0), at(neck, -wide), at(neck, -thin), at(0, -thin)];
  return tag("polygon", { points: points.join(" "), ...more });
}

function genotype(film, moment, { width, em }) {
  const { ops } = film.head;
  const before = moment.before ?? moment.shown;
  const [left, rowHeight] = [4.6 * em, 1.75 * em];
  const wide = (width - left) / 2;
  let [svg, y, changes] = ["", 2.3 * em, 0];
  moment.shown.cells.forEach((cell, l) => {
    const isNew = moment.shown.path[l] !== before.path[l];
    changes += isNew;
    const head = `layer ${l}, width ${widthName(film, moment.shown.path[l])}${isNew ? " +" : ""}`;
    svg += say(0.2 * em, y + em, head, { class: isNew ? "bold" : "" });
    y += rowHeight;
    cell.forEach((node, i) => {
      svg += say(em, y + 1.1 * em, `node ${i}`, { class: "small" });
      node.forEach(([k, source], n) => {
        const isNewEdge = !before.cells[l][i].some(([op, j]) => op === k && j === source);
        changes += isNewEdge;
        const x = left + n * wide;
        const tip = `layer ${l}, node ${i}: ${ops[k].label} of ${sourceName(source)}${isNewEdge ? ", new" : ""}`;
        svg += rect(x, y, 2.2 * em, 1.45 * em, { fill: ops[k].colour, rx: 2, "data-tip": tip });
        svg += say(x + 1.1 * em, y + 1.1 * em, ops[k].code, { class: "label middle through", style: `fill:${ops[k].ink}` });
        const text = `${sourceName(source)}${isNewEdge ? " +" : ""}`;
        svg += say(x + 2.6 * em, y + 1.1 * em, text, { class: `small${isNewEdge ? " bold" : ""}`, "data-tip": tip });
      });
      y += rowHeight;
    });
    y += 0.5 * em;
  });
  const title = `genotype${changes ? `, + ${changes} since the last epoch` : ""}`;
  svg = say(0.2 * em, 1.1 * em, title, { class: "title" }) + svg;
  const spoken = moment.shown.cells.map((cell, l) => `layer ${l}: ${cell.flat().map(([k, j]) => `${ops[k].label} of ${sourceName(j)}`).join(", ")}`);
  return { svg, height: y + 0.3 * em, label: `${title}. ${spoken.join("; ")}` };
}

// ---------------------------------------------------------------- panes: how it came here

function curves(film, moment, place) {
  const { ops, tied } = film.head;
  const { layer, edge, em } = place;
  const points = moment.shown === moment.rows.at(-1) ? moment.rows : [...moment.rows, moment.shown];
  let top = 0.25;
  for (const row of film.epochs) ops.forEach((_, k) => (top = Math.max(top, weight(film, row, layer, edge, k))));
  const high = [0.25, 0.5, 1].find((h) => top <= h + 1e-6) ?? 1;
  const where = tied ? "all layers" : `layer ${layer}`;
  const title = `softmax(α) of ${edgeName(film, edge)}, ${where}`;
  const height = clamp(0.7 * place.width, 15 * em, 21 * em);
  const frame = axes(film, moment, { ...place, height }, { title, low: 0, high, ticks: ticksBetween(0, high) });
  let svg = frame.behind;
  const labels = ops.map((op, k) => {
    const drawn = points.map((row) => [frame.x(row.t ?? row.epoch), frame.y(weight(film, row, layer, edge, k))]);
    svg += polyline(drawn, { class: "op", style: `stroke:${op.colour}` });
    const [x, y] = drawn.at(-1);
    return { x, y, name: op.code, colour: op.colour };
  });
  svg += endLabels(frame, em, labels, "op");
  const lookup = (px) => {
    const row = nearest(moment, frame.time(px));
    const values = ops.map((op, k) => [weight(film, row, layer, edge, k), op.label]).sort((a, b) => b[0] - a[0]);
    return [`epoch ${row.epoch}`, ...values.map(([p, name]) => `${name} ${digits(p)}`)].join("\n");
  };
  return { svg, height: frame.height, lookup, label: `${title}. Now ${lookup(frame.x(moment.t)).replaceAll("\n", ", ")}` };
}

function losses(film, moment, place) {
  const shown = film.steps.filter(([, , loss]) => loss > 0 && Number.isFinite(loss));
  const values = shown.map(([, , loss]) => loss);
  const low = values.reduce((a, b) => Math.min(a, b), Infinity), high = values.reduce((a, b) => Math.max(a, b), 0);
  const ticks = values.length ? logTicks(low, high) : [0.01, 0.1];
  const options = { title: "loss: W weight steps, A arch steps", low: ticks[0], high: ticks.at(-1), ticks, log: true };
  const frame = axes(film, moment, place, options);
  let svg = frame.behind;
  const means = [new Map(), new Map()];
  const labels = [];
  const steps = film.steps.slice(0, moment.count);
  [["W", "weight"], ["A", "arch"]].forEach(([name, kind], n) => {
    const mine = steps.filter((step) => step[1] === n);
    svg += polyline(thinned(mine).map(([t, , loss]) => [frame.x(t), frame.y(loss)]), { class: `${kind} thin` });
    for (const [t, , loss] of mine) {
      const epoch = Math.ceil(t - 1e-6);
      const [sum, count] = means[n].get(epoch) ?? [0, 0];
      means[n].set(epoch, [sum + loss, count + 1]);
    }
    const drawn = [...means[n]].map(([epoch, [sum, count]]) => [frame.x(epoch - 0.5), frame.y(sum / count)]);
    svg += polyline(drawn, { class: kind });
    if (drawn.length) labels.push({ x: drawn.at(-1)[0], y: drawn.at(-1)[1], name, colour: `var(--${kind})` });
  });
  svg += endLabels(frame, place.em, labels);
  const lookup = (px) => {
    const epoch = clamp(Math.ceil(frame.time(px)), 1, Math.max(1, Math.ceil(moment.t)));
    const mean = (n) => (means[n].has(epoch) ? digits(means[n].get(epoch)[0] / means[n].get(epoch)[1]) : "–");
    return `epoch ${epoch}, mean loss\nweight steps ${mean(0)}\narch steps ${mean(1)}`;
  };
  return { svg, height: frame.height, lookup, label: `Losses. ${lookup(frame.x(moment.t)).replaceAll("\n", ", ")}` };
}

function scores(film, moment, place) {
  const isKnown = (row) => row.score !== null;
  const all = film.epochs.filter(isKnown).map((row) => row.score);
  const best = moment.rows.find((row) => row.epoch === moment.best && isKnown(row));
  const title = best ? `score on V: best ${digits(best.score, 4)} (epoch ${best.epoch})` : "score on V: not validated yet";
  const ticks = all.length ? ticksBetween(Math.min(...all), Math.max(...all)) : [0, 1];
  const frame = axes(film, moment, place, { title, low: ticks[0], high: ticks.at(-1), ticks: all.length ? ticks : [] });
  const known = moment.rows.filter(isKnown);
  const points = known.map((row) => [frame.x(row.epoch), frame.y(row.score)]);
  let svg = frame.behind + polyline(points, { class: "ink" });
  for (const [x, y] of points.length <= 60 ? points : []) svg += tag("circle", { cx: round(x), cy: round(y), r: 0.22 * place.em, class: "dot" });
  if (best) svg += say(frame.x(best.epoch), frame.y(best.score) + 0.45 * place.em, "★", { class: "star middle" });
  const lookup = (px) => {
    const row = nearest(moment, frame.time(px));
    if (!isKnown(row)) return `epoch ${row.epoch}: not validated`;
    return `epoch ${row.epoch}\nscore ${digits(row.score, 4)}\nPSNR ${digits(row.psnr, 4)} dB\nSSIM ${digits(row.ssim, 4)}`;
  };
  return { svg, height: frame.height, lookup, label: title };
}

function entropy(film, moment, place) {
  const series = [["alpha_entropy", "α", "entropy of alpha"], ["beta_entropy", "β", "entropy of beta"], ["skip_share", "skip", "share of skips"]];
  const undecided = Math.log(film.head.ops.length);
  const frame = axes(film, moment, place, { title: "entropy (nats); share of skips", low: 0, high: Math.max(2, undecided), ticks: [0, 0.5, 1, 1.5, 2] });
  let svg = frame.behind;
  const y = frame.y(undecided);
  svg += line(frame.box.left, y, frame.box.right, y, { class: "dashed", "data-tip": `ln ${film.head.ops.length}: undecided` });
  const labels = series.map(([key, name]) => {
    const points = moment.rows.map((row) => [frame.x(row.epoch), frame.y(row[key])]);
    svg += polyline(points, { class: key });
    return { x: points.at(-1)[0], y: points.at(-1)[1], name, colour: `var(--${key})` };
  });
  svg += endLabels(frame, place.em, labels);
  const lookup = (px) => {
    const row = nearest(moment, frame.time(px));
    return [`epoch ${row.epoch}`, ...series.map(([key, , name]) => `${name} ${digits(row[key])}`)].join("\n");
  };
  return { svg, height: frame.height, lookup, label: `How decided. ${lookup(frame.x(moment.t)).replaceAll("\n", ", ")}` };
}

function flips(film, moment, place) {
  const high = Math.max(4, ...film.epochs.map((row) => row.flips));
  const ticks = ticksBetween(0, high).filter((tick) => tick % 1 === 0);
  const frame = axes(film, moment, place, { title: "decoded edges and widths that flipped", low: 0, high, ticks });
  const wide = clamp((0.6 * (frame.box.right - frame.box.left)) / Math.max(film.head.epochs, 1), 1, 12);
  let svg = frame.behind;
  for (const row of moment.rows) {
    if (row.flips) svg += rect(round(frame.x(row.epoch) - wide / 2), round(frame.y(row.flips)), round(wide), round(frame.box.bottom - frame.y(row.flips)), { class: "bar" });
  }
  const lookup = (px) => {
    const row = nearest(moment, frame.time(px));
    return `epoch ${row.epoch}: ${row.flips} flipped`;
  };
  return { svg, height: frame.height, lookup, label: `Flips. ${lookup(frame.x(moment.t))}` };
}

// of a search under a budget: what the decoded net costs, in expectation and as decoded
function budget(film, moment, place) {
  const { amount, unit, counted } = film.head.budget;
  const series = [["expected", "E", "expected", "arch"], ["decoded", "net", "decoded", "weight"]];
  const values = film.epochs.flatMap((row) => [row.expected, row.decoded]).filter(Number.isFinite);
  const ticks = ticksBetween(Math.min(amount, ...values), Math.max(amount, ...values));
  const what = counted === "parameters" ? `${unit} parameters` : unit;
  const options = { title: `cost beside a budget of ${digits(amount)} ${what}`, low: ticks[0], high: ticks.at(-1), ticks };
  const frame = axes(film, moment, place, options);
  const y = frame.y(amount);
  let svg = frame.behind + line(frame.box.left, y, frame.box.right, y, { class: "dashed", "data-tip": `budget: ${digits(amount)} ${unit}` });
  const labels = series.map(([key, name, , kind]) => {
    const points = moment.rows.map((row) => [frame.x(row.epoch), frame.y(row[key] ?? NaN)]);
    svg += polyline(points, { class: kind });
    return { x: points.at(-1)[0], y: points.at(-1)[1], name, colour: `var(--${kind})` };
  });
  svg += endLabels(frame, place.em, labels);
  const lookup = (px) => {
    const row = nearest(moment, frame.time(px));
    const costs = series.map(([key, , name]) => `${name} ${digits(row[key] ?? NaN)} ${unit}`);
    return [`epoch ${row.epoch}`, ...costs, `budget ${digits(amount)} ${unit}`, `price μ ${digits(row.mu ?? NaN)}`].join("\n");
  };
  return { svg, height: frame.height, lookup, label: `Cost beside the budget. ${lookup(frame.x(moment.t)).replaceAll("\n", ", ")}` };
}

// a recorded column of somebody's own, as a curve
function own(name) {
  return (film, moment, place) => {
    const value = (row) => row.more[name] ?? NaN;
    const all = film.epochs.map(value).filter(Number.isFinite);
    const ticks = all.length ? ticksBetween(Math.min(...all), Math.max(...all)) : [0, 1];
    const frame = axes(film, moment, place, { title: name.replaceAll("_", " "), low: ticks[0], high: ticks.at(-1), ticks });
    const svg = frame.behind + polyline(moment.rows.map((row) => [frame.x(row.epoch), frame.y(value(row))]), { class: "ink" });
    const lookup = (px) => {
      const row = nearest(moment, frame.time(px));
      return `epoch ${row.epoch}: ${digits(value(row), 4)}`;
    };
    return { svg, height: frame.height, lookup, label: `${name}. ${lookup(frame.x(moment.t))}` };
  };
}

const PANES = { maps, curves, genotype, trellis, losses, scores, entropy, flips };

// ---------------------------------------------------------------- the board of one search

class Board {
  constructor(parent, film, view) {
    this.film = film;
    this.view = view; // layer and edge that the curves show; shared by two boards
    this.time = "now";
    this.drawn = new Map();
    this.element = parent.appendChild(document.createElement("section"));
    this.element.className = "board";
    this.element.innerHTML = `<h3></h3><div class="grid"></div>`;
    this.grid = this.element.querySelector(".grid");
    this.panes = { ...PANES };
    if (film.head.budget) this.panes.budget = budget;
    for (const name of Object.keys(rowsOf(film)[0].more)) this.panes[`own-${name}`] = own(name);
    for (const name of Object.keys(this.panes)) {
      const pane = this.grid.appendChild(document.createElement("div"));
      pane.className = `pane ${name}`;
      pane.dataset.pane = name;
    }
    this.patch = new Patch(this.grid);
    const maps = this.grid.querySelector(".maps");
    maps.tabIndex = 0;
    maps.addEventListener("keydown", (event) => this.key(event));
    this.grid.addEventListener("click", (event) => {
      const pick = event.target.dataset?.pick;
      if (pick) this.pick(...pick.split(",").map(Number));
    });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  pick(layer, edge) {
    const { head } = this.film;
    if (layer < (head.tied ? 1 : head.layers) && edge < head.edges.length) this.view.pick(layer, edge);
  }

  key(event) {
    const move = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    const { head } = this.film;
    const layer = clamp(this.view.layer + move[0], 0, (head.tied ? 1 : head.layers) - 1);
    this.pick(layer, clamp(this.view.edge + move[1], 0, head.edges.length - 1));
  }

  show(time) {
    this.time = time;
    this.draw();
  }

  draw() {
    const width = this.element.clientWidth;
    if (!width) return; // not on the page yet
    const layout = width >= WIDE ? "wide" : width >= MEDIUM ? "medium" : "narrow";
    const em = clamp(width / 92, 11, 20); // readable on a laptop, larger on a projector
    this.element.style.setProperty("--em", `${em}px`);
    this.grid.className = `grid ${layout}`;
    const moment = (this.moment = momentOf(this.film, this.time));
    const title = this.element.querySelector("h3");
    const text = titleOf(this.film, moment, this.time);
    if (title.textContent !== text) title.textContent = text;
    const layer = Math.min(this.view.layer, this.film.head.tied ? 0 : this.film.head.layers - 1);
    const edge = Math.min(this.view.edge, this.film.head.edges.length - 1);
    for (const [name, pane] of Object.entries(this.panes)) {
      const element = this.grid.querySelector(`[data-pane="${name}"]`);
      const wide = element.clientWidth;
      const picture = pane(this.film, moment, { width: wide, em, layer, edge });
      const svg = tag("svg", { role: "img", "aria-label": picture.label, width: wide, height: Math.ceil(picture.height) }, picture.svg);
      if (this.drawn.get(name)?.svg !== svg) element.innerHTML = svg;
      this.drawn.set(name, { svg, lookup: picture.lookup });
    }
    this.patch.show(moment.picture, this.film.head);
  }

  // what there is to say about a place of the page
  tip(target, x) {
    const said = target.closest?.("[data-tip]");
    if (said) return said.dataset.tip;
    const pane = target.closest?.("[data-pane]");
    const lookup = pane && this.drawn.get(pane.dataset.pane)?.lookup;
    return lookup ? lookup(x - pane.getBoundingClientRect().left) : "";
  }
}

function titleOf(film, moment, time) {
  const { head } = film;
  const name = `${head.name} (${head.preset}, seed ${head.seed})`;
  const epoch = Math.ceil(moment.t - 1e-6);
  let where = `epoch ${epoch} of ${head.epochs}`;
  if (moment.t === 0) where = "before the first step";
  else if (epoch <= head.warmup) where += ", warm-up";
  if (time !== "now") where += moment.best && moment.best === epoch ? ", the best on V so far" : "";
  return `${name}: ${where}`;
}

// One patch of V, restored twice; a slider wipes from one to the other
class Patch {
  constructor(grid) {
    this.element = grid.appendChild(document.createElement("div"));
    this.element.className = "pane patch";
    this.element.innerHTML = `<div class="title">V patch</div>
      <div class="wipe"><canvas class="wired"></canvas><canvas class="soft"></canvas><div class="edge"></div></div>
      <input type="range" min="0" max="100" value="50" aria-label="wipe: soft supernet at the left, decoded wiring at the right">
      <div class="names"><span>◂ soft supernet</span><span>decoded wiring ▸</span></div>
      <div class="none">no picture yet</div>`;
    const range = this.element.querySelector("input");
    range.addEventListener("input", () => this.wipe(range.value));
    const area = this.element.querySelector(".wipe");
    area.addEventListener("pointermove", (event) => {
      if (!event.buttons) return;
      const box = area.getBoundingClientRect();
      range.value = (100 * (event.clientX - box.left)) / box.width;
      this.wipe(range.value);
    });
    this.wipe(50);
  }

  wipe(share) {
    this.element.querySelector(".soft").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
    this.element.querySelector(".edge").style.left = `${share}%`;
  }

  show(picture, head) {
    this.element.classList.toggle("empty", !picture);
    if (!picture || this.picture === picture) return;
    this.picture = picture;
    this.element.querySelector(".title").textContent = `V patch after epoch ${picture.epoch}`;
    for (const name of ["soft", "wired"]) {
      const canvas = this.element.querySelector(`.${name}`);
      [canvas.width, canvas.height] = [picture.size[1], picture.size[0]];
      const bytes = Uint8Array.from(atob(picture[name]), (c) => c.charCodeAt(0));
      const plane = picture.size[0] * picture.size[1];
      const pixels = new Uint8ClampedArray(4 * plane).fill(255);
      for (let n = 0; n < plane; n += 1) {
        for (let c = 0; c < 3; c += 1) pixels[4 * n + c] = bytes[n + (head.channels === 3 ? c * plane : 0)];
      }
      canvas.getContext("2d").putImageData(new ImageData(pixels, picture.size[1]), 0, 0);
      canvas.setAttribute("aria-label", `${name === "soft" ? "by the soft supernet" : "by the decoded wiring"}, after epoch ${picture.epoch}`);
      canvas.setAttribute("role", "img");
    }
  }
}

// ---------------------------------------------------------------- the desk: boards and controls

const button = (name, title) => `<button type="button" data-do="${name}" title="${escape(title)}">`;

export class Desk {
  // films: one or two searches; `press(what, more)` is asked where a search can be played
  constructor(root, films, { press = null, start = null } = {}) {
    this.root = root;
    this.press = press;
    root.classList.add("hinas", "hinas-live");
    // JupyterLab would take the arrow keys, and more, from what has the focus
    root.addEventListener("focusin", ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", "true"));
    root.innerHTML = `<div class="controls"></div><div class="time"></div><div class="boards"></div><div class="tip" role="status"></div>`;
    this.view = { layer: 0, edge: 0, pick: (layer, edge) => this.pick(layer, edge) };
    if (press) this.buildButtons();
    this.buildTime();
    this.load(films, start);
    this.theme();
    this.watchTheme();
    root.addEventListener("pointermove", (event) => this.hover(event));
    root.addEventListener("pointerleave", () => this.hover(null));
  }

  load(films, start = null) {
    this.films = films;
    const parent = this.root.querySelector(".boards");
    parent.replaceChildren();
    parent.classList.toggle("two", films.length > 1);
    this.boards = films.map((film) => new Board(parent, film, this.view));
    this.fillChoosers();
    this.time = start ?? (this.press ? "now" : 0);
    this.show(this.time);
  }

  get last() {
    return Math.max(...this.films.map((film) => rowsOf(film).length - 1));
  }

  show(time) {
    this.time = time;
    for (const board of this.boards) board.show(time);
    const [slider, output] = [this.root.querySelector(".slider"), this.root.querySelector("output")];
    slider.max = this.last;
    slider.value = time === "now" ? this.last : time;
    output.textContent = time === "now" ? "now" : `epoch ${time}`;
    slider.setAttribute("aria-valuetext", output.textContent);
    const now = this.root.querySelector('[data-do="now"]');
    if (now) now.disabled = time === "now";
    this.root.dataset.time = time; // read by who scripts the page
  }

  // ------------------------------------------------ time

  buildTime() {
    const time = this.root.querySelector(".time");
    const speeds = SPEEDS.map((speed) => `<option value="${speed}"${speed === (CALM ? 1 : 2) ? " selected" : ""}>${speed} epochs/s</option>`);
    time.innerHTML = `${button("play", "Play the epochs; space")}▶ play</button>
      <input type="range" class="slider" min="0" value="0" aria-label="epoch"><output>epoch 0</output>
      <select class="speed" aria-label="speed">${speeds.join("")}</select>
      ${this.press ? `${button("now", "Follow the running search again")}now</button>` : ""}
      <span class="bests"></span>
      <label>curves of <select class="edges" aria-label="edge of the curves"></select></label>
      <select class="layers" aria-label="layer of the curves"></select>`;
    time.querySelector(".slider").addEventListener("input", (event) => {
      this.stop();
      this.show(Number(event.target.value));
    });
    time.querySelector('[data-do="play"]').addEventListener("click", () => (this.timer ? this.stop() : this.play()));
    time.querySelector('[data-do="now"]')?.addEventListener("click", () => this.show("now"));
    time.querySelector(".edges").addEventListener("change", (event) => this.pick(this.view.layer, Number(event.target.value)));
    time.querySelector(".layers").addEventListener("change", (event) => this.pick(Number(event.target.value), this.view.edge));
  }

  fillChoosers() {
    const [film] = this.films;
    const { head } = film;
    const option = (value, text) => `<option value="${value}">${escape(text)}</option>`;
    this.root.querySelector(".edges").innerHTML = head.edges.map((_, e) => option(e, edgeName(film, e))).join("");
    const layers = head.tied ? ["all layers"] : Array.from({ length: head.layers }, (_, l) => `layer ${l}`);
    this.root.querySelector(".layers").innerHTML = layers.map((name, l) => option(l, name)).join("");
    this.pick(Math.min(this.view.layer, layers.length - 1), Math.min(this.view.edge, head.edges.length - 1), false);
    const bests = this.root.querySelector(".bests");
    bests.replaceChildren();
    if (this.press) return; // a running search has no best epoch yet
    for (const film of this.films) {
      const best = rowsOf(film).at(-1).best;
      const name = this.films.length > 1 ? `${film.head.name}: ` : "";
      const jump = bests.appendChild(document.createElement("button"));
      jump.type = "button";
      jump.textContent = best ? `${name}best epoch ${best}` : `${name}not validated`;
      jump.disabled = !best;
      jump.addEventListener("click", () => {
        this.stop();
        this.show(film.epochs.findIndex((row) => row.epoch === best));
      });
    }
  }

  // after a record of a running search: one drawing for all that came meanwhile, none in a hidden tab
  follow() {
    if (this.pending) return;
    this.pending = true;
    const draw = () => {
      this.pending = false;
      this.show(this.time);
    };
    setTimeout(() => requestAnimationFrame(draw), CALM ? 1000 : 0);
  }

  play() {
    const speed = Number(this.root.querySelector(".speed").value);
    if (this.time === "now" || this.time >= this.last) this.show(0);
    this.root.querySelector('[data-do="play"]').textContent = "❚❚ pause";
    this.timer = setInterval(() => {
      if (!this.root.isConnected || this.time >= this.last) this.stop();
      else this.show(this.time + 1);
    }, 1000 / speed);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.root.querySelector('[data-do="play"]').textContent = "▶ play";
  }

  pick(layer, edge, draw = true) {
    [this.view.layer, this.view.edge] = [layer, edge];
    this.root.querySelector(".edges").value = edge;
    this.root.querySelector(".layers").value = layer;
    if (draw) for (const board of this.boards) board.draw();
  }

  // ------------------------------------------------ buttons of a search

  buildButtons() {
    const controls = this.root.querySelector(".controls");
    controls.innerHTML = `<div class="buttons"></div>
      <div class="line"><progress max="1" value="0" aria-label="records so far"></progress><span class="status" role="status"></span></div>
      <div class="note" role="alert"></div>
      <details class="new"><summary>New search</summary><form></form></details>`;
    controls.addEventListener("click", (event) => {
      const what = event.target.dataset?.do;
      if (what) this.press(what);
    });
    controls.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.press("new", Object.fromEntries(new FormData(event.target)));
    });
  }

  // what the search says: a line of text, how far it is, which buttons do something
  status({ enabled, line, note, done, total }) {
    for (const element of this.root.querySelector(".buttons").children) {
      element.disabled = !enabled.includes(element.dataset.do);
    }
    this.root.querySelector(".status").textContent = line;
    this.root.querySelector(".note").textContent = note;
    const bar = this.root.querySelector("progress");
    [bar.max, bar.value] = [Math.max(1, total), done];
  }

  // what can be asked of it: the buttons, the fields of a new search
  offer({ buttons, fields }) {
    const texts = buttons.map(({ name, title }) => `${button(name, title)}${escape(name)}</button>`);
    this.root.querySelector(".buttons").innerHTML = texts.join("");
    const form = this.root.querySelector("form");
    const inputs = fields.map(({ name, value, among }) => {
      const what = `name="${escape(name)}"`;
      const options = (among ?? []).map((one) => `<option${one === value ? " selected" : ""}>${escape(one)}</option>`);
      const input = among ? `<select ${what}>${options.join("")}</select>` : `<input ${what} value="${escape(value)}" size="8">`;
      return `<label>${escape(name)} ${input}</label>`;
    });
    form.innerHTML = `${inputs.join("")}<button type="submit">Open it</button>`;
  }

  // ------------------------------------------------ values under the pointer, light and dark

  hover(event) {
    const tip = this.root.querySelector(".tip");
    const text = event && this.boards.map((board) => board.element.contains(event.target) ? board.tip(event.target, event.clientX) : "").find(Boolean);
    tip.classList.toggle("on", Boolean(text));
    if (!text) return;
    tip.textContent = text;
    const box = this.root.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    tip.style.left = `${clamp(x + 14, 0, box.width - tip.offsetWidth - 4)}px`;
    tip.style.top = `${y + 16 + tip.offsetHeight > box.height ? y - tip.offsetHeight - 10 : y + 16}px`;
  }

  theme() {
    let dark = matchMedia("(prefers-color-scheme: dark)").matches;
    for (let element = this.root.parentElement; element; element = element.parentElement) {
      // no colour at all: not on the page yet
      const colour = getComputedStyle(element).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0, 0];
      const [r, g, b, a = 1] = colour.map(Number);
      if (a > 0.5) {
        dark = 0.3 * r + 0.59 * g + 0.11 * b < 128;
        break;
      }
    }
    this.root.classList.toggle("dark", dark);
  }

  watchTheme() {
    const look = () => (this.root.isConnected ? this.theme() : watcher.disconnect());
    const watcher = new MutationObserver(() => setTimeout(look, 50));
    for (const element of [document.documentElement, document.body]) watcher.observe(element, { attributes: true });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look);
    setTimeout(look, 100); // the root may not be on the page yet
  }
}

// A page without a kernel
export function mount(root, films, options = {}) {
  return new Desk(root, films, options);
}

// ---------------------------------------------------------------- the widget (anywidget)

// what came in pieces joins what was there; false when something was missed
export function join(film, piece) {
  if (piece.from[0] !== film.steps.length || piece.from[1] !== film.epochs.length) return false;
  film.steps.push(...piece.steps);
  film.epochs.push(...piece.epochs);
  film.pictures.push(...piece.pictures);
  film.now = piece.now;
  return true;
}

function render({ model, el }) {
  const root = el.appendChild(document.createElement("div"));
  const isPlayed = model.get("controls").buttons !== undefined;
  const press = isPlayed ? (what, more = {}) => model.send({ press: what, more }) : null;
  const own = () => structuredClone(model.get("films")); // each view joins pieces by itself
  const desk = new Desk(root, own(), { press, start: model.get("start") });
  const tell = () => isPlayed && desk.status(model.get("status"));
  const renew = () => desk.load(own(), isPlayed ? "now" : model.get("start"));
  // of a kernel that went, ipywidgets tells its own widgets; live/kept.py says what is shown then
  const cut = () => root.classList.add("hinas-cut-off");
  const heard = (message) => {
    if (message.film) {
      // asked for by another view of the same search: this one stays where its reader is
      const isSame = message.film.head.key === desk.films[0].head.key;
      return desk.load([message.film], isSame ? desk.time : "now");
    }
    if (!message.piece) return;
    const isJoined = message.key === desk.films[0].head.key && join(desk.films[0], message.piece);
    if (isJoined) desk.follow();
    else model.send({ press: "film" });
  };
  const offer = () => {
    if (!isPlayed) return;
    desk.offer(model.get("controls"));
    tell();
  };
  offer();
  model.on("change:controls", offer);
  model.on("change:status", tell);
  model.on("change:films", renew);
  model.on("msg:custom", heard);
  model.on("comm_live_update", cut);
  if (isPlayed) model.send({ press: "film" }); // pieces may have come before this view listened
  return () => {
    desk.stop();
    model.off("change:controls", offer);
    model.off("change:status", tell);
    model.off("change:films", renew);
    model.off("msg:custom", heard);
    model.off("comm_live_update", cut);
  };
}

export default { render };
