"use strict";
// The image comes once; a slider then fetches only points. Settings live in `settings`, what is
// shown in `field`, and the reader's marks in `reviews`.

const $ = (id) => document.getElementById(id);
const RING = "#00e5c0";

let start;                                    // what the server said at first
let settings;                                 // { detector, sigma, min_distance, threshold, border }
let detector;                                 // what the server says of the one that is chosen
const kept = {};                              // settings and what is known of each that was tried
let field = null;                             // { index, width, height, shrink, levels, points, ring, ... }
const view = { scale: 1, x: 0, y: 0 };        // picture pixel (0, 0) lies at (x, y) on the screen
const axis = { low: 0, high: 1 };             // grey levels under the histogram
const contrast = { black: 0, white: 1 };
const reviews = new Map();                    // field index -> { truth, removed, added }
let ringsShown = true;

// A file may hold what no slider sets: one sigma per axis, no threshold. It stays until one moves.
const ends = (control) => [settings[control.setting]].flat();
const threshold = () => settings.threshold ?? levels().low;
const isLevel = (control) => control.low === null;   // its slider goes over the grey levels

// ---- asking the server

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

const query = () => `settings=${encodeURIComponent(JSON.stringify(settings))}`;

async function fetchNuclei(index) {           // x, y, intensity of each, and the radius of their rings
  const answer = await ask(`nuclei/${index}?${query()}`);
  return { points: new Float32Array(await answer.arrayBuffer()), ring: Number(answer.headers.get("X-Ring-Radius")) };
}

function complain(error) {
  $("problem").hidden = !error;
  $("problem").textContent = error ? error.message : "";
}

// One request at a time; what changed meanwhile is asked for next, and only the latest.
let changedAt = 0, asking = false, sampleTimer;

async function follow() {
  changedAt = changedAt || performance.now();
  clearTimeout(sampleTimer);
  sampleRound += 1;
  if (asking) return;
  asking = true;
  while (changedAt) {
    const since = changedAt, index = field.index;
    changedAt = 0;
    try {
      const nuclei = await fetchNuclei(index), points = nuclei.points;
      if (index !== field.index) continue;
      Object.assign(field, nuclei);
      complain(null);
      drawRings();
      drawHistogram();
      $("count").textContent = (points.length / 3).toLocaleString("en");
      const took = performance.now() - since;
      $("latency").textContent = `${took.toFixed(0)} ms`;
      document.body.dataset.latency = took;
      document.body.dataset.answers = 1 + Number(document.body.dataset.answers || 0);
    } catch (error) { complain(error); }
  }
  asking = false;
  sampleTimer = setTimeout(lookAround, 250);
}

// ---- fields

async function open(index) {
  index = Math.max(0, Math.min(index, start.fields.length - 1));
  $("field").value = index + 1;
  $("name").textContent = start.fields[index];
  field = { index, width: 1, height: 1, shrink: 1, low: 0, step: 1,
    levels: new Uint16Array(1), points: new Float32Array(0), ring: start.ring_px };
  try {
    const answer = await ask(`picture/${index}`);
    const levels = new Uint16Array(await answer.arrayBuffer());
    if (index !== field.index) return;
    Object.assign(field, JSON.parse(answer.headers.get("X-Picture")), { levels });
    complain(null);
  } catch (error) {
    if (index === field.index) complain(error);
    $("count").textContent = "-";
    paint(); drawRings(); drawHistogram();
    return;
  }
  measure();
  stretch();
  fit();
  paint();
  showSettings();
  follow();
}

function measure() {                          // histogram of the picture, and the axis under it
  const tally = new Uint32Array(65536);
  for (const level of field.levels) tally[level] += 1;
  let low = 0, high = 65535;
  while (low < high && !tally[low]) low += 1;
  while (high > low && !tally[high]) high -= 1;
  field.tally = tally;
  const value = (level) => field.low + level * field.step;
  axis.low = axis.fixed ? Math.min(axis.low, value(low)) : value(low);
  axis.high = Math.max(axis.fixed ? axis.high : value(high), value(high), axis.low + field.step);
  axis.fixed = true;
}

function stretch() {                          // contrast from the 1st to the 99.8th percentile
  const quantile = (part) => {
    let left = part * field.levels.length;
    for (let level = 0; level < 65536; level += 1) {
      left -= field.tally[level];
      if (left <= 0) return field.low + level * field.step;
    }
    return axis.high;
  };
  contrast.black = quantile(0.01);
  contrast.white = Math.max(quantile(0.998), contrast.black + field.step);
}

// Grey levels lie on a square-root axis: what is dim has room.
const toAxis = (value, on = axis) => Math.sqrt(Math.max(0, (value - on.low) / (on.high - on.low)));
const fromAxis = (place, on = axis) => on.low + place * place * (on.high - on.low);
const levels = () => detector.threshold === "contrast" ? { low: 0, high: axis.high - axis.low } : axis;

// ---- drawing

const image = $("image"), rings = $("rings"), histogram = $("histogram");
const buffer = document.createElement("canvas");

function paint() {                            // grey levels -> the buffer, through the contrast
  const table = new Uint8ClampedArray(65536);
  const black = (contrast.black - field.low) / field.step;
  const slope = 255 * field.step / (contrast.white - contrast.black);
  for (let level = 0; level < 65536; level += 1) table[level] = (level - black) * slope;
  buffer.width = field.width;
  buffer.height = field.height;
  const pen = buffer.getContext("2d");
  const pixels = pen.createImageData(field.width, field.height);
  const words = new Uint32Array(pixels.data.buffer);
  const levels = field.levels;
  for (let i = 0; i < levels.length; i += 1) words[i] = 0xff000000 | table[levels[i]] * 0x010101;
  pen.putImageData(pixels, 0, 0);
  drawImage();
}

function clean(canvas) {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return pen;
}

function drawImage() {
  const pen = clean(image);
  pen.imageSmoothingEnabled = view.scale < 2;
  pen.drawImage(buffer, view.x, view.y, field.width * view.scale, field.height * view.scale);
}

// Where a pixel of the image lies on the screen, and the other way round.
const toScreen = (x, y) => [view.x + (x + 0.5) / field.shrink * view.scale,
  view.y + (y + 0.5) / field.shrink * view.scale];
const toImage = (x, y) => [(x - view.x) / view.scale * field.shrink - 0.5,
  (y - view.y) / view.scale * field.shrink - 0.5];

function drawRings() {
  const pen = clean(rings);
  const round = Math.max(2.5, field.ring * view.scale / field.shrink);
  if (ringsShown) {
    pen.beginPath();
    for (let i = 0; i < field.points.length; i += 3) {
      const [x, y] = toScreen(field.points[i], field.points[i + 1]);
      if (x < -round || y < -round || x > rings.clientWidth + round || y > rings.clientHeight + round) continue;
      pen.moveTo(x + round, y);
      pen.arc(x, y, round, 0, 2 * Math.PI);
    }
    pen.strokeStyle = RING;
    pen.lineWidth = 1.5;
    pen.stroke();
  }
  const review = reviews.get(field.index);
  if (review) {
    drawMarks(pen, review.removed, (x, y, r) => { pen.moveTo(x - r, y - r); pen.lineTo(x + r, y + r); pen.moveTo(x + r, y - r); pen.lineTo(x - r, y + r); });
    drawMarks(pen, review.added, (x, y, r) => { pen.moveTo(x - r, y); pen.lineTo(x + r, y); pen.moveTo(x, y - r); pen.lineTo(x, y + r); });
  }
  if (document.activeElement === rings && rings.matches(":focus-visible")) {
    drawMarks(pen, [toImage(rings.clientWidth / 2, rings.clientHeight / 2)],
      (x, y, r) => { pen.moveTo(x - r, y); pen.lineTo(x - 3, y); pen.moveTo(x + 3, y); pen.lineTo(x + r, y); pen.moveTo(x, y - r); pen.lineTo(x, y - 3); pen.moveTo(x, y + 3); pen.lineTo(x, y + r); });
  }
}

function drawMarks(pen, places, trace) {      // white on black, legible on every grey
  for (const [width, colour] of [[5, "#000"], [2, "#fff"]]) {
    pen.beginPath();
    for (const place of places) trace(...toScreen(...place), 8);
    pen.lineWidth = width;
    pen.strokeStyle = colour;
    pen.stroke();
  }
}

function drawHistogram() {
  if (!detector.controls.some(isLevel)) return;
  const canvas = histogram, pen = clean(canvas);
  const style = getComputedStyle(document.body);
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const inset = 8, bins = 100, span = width - 2 * inset;   // the thumb of a slider keeps this inset
  const bars = (values, colour, part) => {
    const most = Math.max(...values);
    pen.fillStyle = style.getPropertyValue(colour);
    values.forEach((value, bin) => {
      const tall = value && Math.max(1, part * height * value / most);
      pen.fillRect(inset + bin * span / bins, height - tall, span / bins - 0.5, tall);
    });
  };
  const on = levels();
  const bin = (value) => Math.max(0, Math.min(bins - 1, Math.floor(toAxis(value, on) * bins)));
  const pixels = new Float64Array(bins), nuclei = new Float64Array(bins);
  if (on === axis) field.tally?.forEach((count, level) => { if (count) pixels[bin(field.low + level * field.step)] += count; });
  for (let i = 2; i < field.points.length; i += 3) nuclei[bin(field.points[i])] += 1;
  bars(pixels.map((count) => Math.log1p(count)), "--bars", 0.95);
  bars(nuclei, "--accent", 0.6);
  const x = inset + Math.min(1, toAxis(threshold(), on)) * span;
  pen.fillStyle = style.getPropertyValue("--ink");
  pen.fillRect(x - 1, 0, 2, height);
  canvas.setAttribute("aria-label", `Histogram of grey levels, nuclei in colour; threshold at ${short(threshold())}`);
}

// ---- view

function fit() {
  view.scale = Math.min(rings.clientWidth / field.width, rings.clientHeight / field.height);
  view.x = (rings.clientWidth - field.width * view.scale) / 2;
  view.y = (rings.clientHeight - field.height * view.scale) / 2;
}

function zoom(factor, x = rings.clientWidth / 2, y = rings.clientHeight / 2) {
  const least = 0.5 * Math.min(rings.clientWidth / field.width, rings.clientHeight / field.height);
  const scale = Math.max(least, Math.min(40, view.scale * factor));
  view.x = x - (x - view.x) * scale / view.scale;
  view.y = y - (y - view.y) * scale / view.scale;
  view.scale = scale;
  redraw();
}

let redrawing = false;
function redraw() {
  if (redrawing) return;
  redrawing = true;
  requestAnimationFrame(() => { redrawing = false; drawImage(); drawRings(); });
}

// ---- marks: a field that was clicked is reviewed; its truth is what was found then, as corrected

const matchRadius = () => short(2 / 3 * start.ring_px);
const near = (places, x, y) => {
  let best = -1, least = matchRadius() ** 2;
  places.forEach(([u, v], index) => {
    const distance = (u - x) ** 2 + (v - y) ** 2;
    if (distance <= least) [best, least] = [index, distance];
  });
  return best;
};

function pairs(points) {
  const places = [];
  for (let i = 0; i < points.length; i += 3) places.push([points[i], points[i + 1]]);
  return places;
}

function mark(x, y) {                         // toggle whether there is a nucleus
  if (!field.tally) return;
  const review = reviews.get(field.index) || { truth: pairs(field.points), removed: [], added: [] };
  reviews.set(field.index, review);
  const lists = [review.removed, review.added, review.truth];
  const list = lists.findIndex((places) => near(places, x, y) >= 0);
  const place = list < 0 ? [x, y] : lists[list].splice(near(lists[list], x, y), 1)[0];
  if (list === 0) review.truth.push(place);
  if (list === 2) review.removed.push(place);
  if (list < 0) review.added.push(place);
  drawRings();
  score();
}

function hits(points, truth) {                // each true nucleus is found at most once, brightest first
  const free = [...truth];
  return pairs(points).filter(([x, y]) => {
    const index = near(free, x, y);
    if (index >= 0) free.splice(index, 1);
    return index >= 0;
  }).length;
}

async function score() {
  $("clear").hidden = !reviews.has(field.index);
  if (!reviews.size) {
    $("score").textContent = "Click a nucleus that was missed, or a ring that is wrong. What you leave alone counts as right.";
    return;
  }
  let hit = 0, found = 0, known = 0;
  try {
    for (const [index, review] of reviews) {
      const points = index === field.index ? field.points : (await fetchNuclei(index)).points;
      const truth = [...review.truth, ...review.added];
      hit += hits(points, truth);
      found += points.length / 3;
      known += truth.length;
    }
  } catch (error) { return complain(error); }
  const percent = (part, whole) => whole ? `${(100 * part / whole).toFixed(1)} %` : "-";
  $("score").textContent = `Precision ${percent(hit, found)}, recall ${percent(hit, known)} ` +
    `(${reviews.size} ${reviews.size === 1 ? "field" : "fields"}, within ${matchRadius()} px)`;
}

// ---- over the run

let sampleRound = 0;

async function lookAround() {
  const round = sampleRound;
  score();
  spell();
  const counts = new Map();
  for (const index of start.sample) {
    try { counts.set(index, (await fetchNuclei(index)).points.length / 3); } catch { counts.set(index, null); }
    if (round !== sampleRound) return;
  }
  const done = [...counts.values()].filter((count) => count !== null);
  const total = done.reduce((sum, count) => sum + count, 0);
  const most = Math.max(1, ...done);
  const failed = counts.size - done.length;
  $("sample-text").textContent = `${total.toLocaleString("en")} nuclei in ${done.length} of ` +
    `${start.fields.length} fields: ${Math.min(...done)} to ${Math.max(...done)} each` +
    (failed ? `; ${failed} cannot be read` : "");
  $("sample").replaceChildren(...[...counts].map(([index, count]) => {
    const item = document.createElement("li"), button = document.createElement("button"), bar = document.createElement("i");
    button.title = `${start.fields[index]}: ${count ?? "cannot be read"}`;
    button.setAttribute("aria-label", button.title);
    if (index === field.index) button.setAttribute("aria-current", "true");
    bar.style.height = `${100 * (count || 0) / most}%`;
    button.onclick = () => open(index);
    button.append(bar);
    item.append(button);
    return item;
  }));
}

let words = { command: "", python: "", toml: "" };

async function spell() {
  try { words = await (await ask(`spell?${query()}`)).json(); } catch (error) { return complain(error); }
  const parts = words.command.split(" ").map((part) => {   // a line never breaks within an option
    const span = document.createElement("span");
    span.textContent = part;
    return span;
  });
  $("command").replaceChildren(...parts.flatMap((span) => [span, " "]));
}

// ---- controls

const short = (value) => Number(value.toPrecision(Math.abs(value) >= 1000 ? 5 : 4));

function showSettings() {
  document.querySelector(`[name=detector][value="${settings.detector}"]`).checked = true;
  const learned = !detector.controls.length && detector.radius_px;
  $("about").textContent = detector.about + (learned ? ` A nucleus has a radius of ${short(learned)} px here.` : "");
  detector.controls.forEach(showNumber);
  $("black").value = 1000 * toAxis(contrast.black);
  $("white").value = 1000 * toAxis(contrast.white);
  document.querySelector(`[name=border][value=${settings.border}]`).checked = true;
}

function valueOf(control) {
  if (isLevel(control)) return short(threshold());
  return control.end === "least" ? ends(control)[0] : Math.max(...ends(control));
}

function showNumber(control) {
  const value = valueOf(control), slider = $(control.name), number = $(`${control.name}-number`);
  slider.value = isLevel(control) ? 1000 * toAxis(value, levels()) : value;
  if (document.activeElement !== number) number.value = value;
  if (isLevel(control)) slider.setAttribute("aria-valuetext", String(value));
}

function put(control, value) {                // the two ends of a range do not cross
  const [first, last] = [ends(control)[0], Math.max(...ends(control))];
  const pair = { least: [value, Math.max(value, last)], most: [Math.min(value, first), value] };
  change({ [control.setting]: pair[control.end] ?? value });
}

const make = (tag, values) => Object.assign(document.createElement(tag), values);

function build(control) {
  const { name } = control, box = make("div", { className: "control" });
  const label = make("label", { htmlFor: name, textContent: `${control.label} ` });
  label.append(make("span", { className: "quiet", textContent: control.unit }));
  const number = make("input", { type: "number", id: `${name}-number`, ariaLabel: `${control.label}, number`,
    min: control.least ?? "", max: control.most ?? "", step: Number.isInteger(control.step) ? control.step : "any" });
  const range = isLevel(control) ? { min: 0, max: 1000, step: 1 } : { min: control.low, max: control.high, step: control.step };
  const slider = make("input", { type: "range", id: name, ...range });
  slider.addEventListener("input", () => {
    const place = Number(slider.value);
    put(control, isLevel(control) ? short(fromAxis(place / 1000, levels())) : place);
  });
  number.addEventListener("input", () => {
    if (number.value !== "" && number.checkValidity()) put(control, Number(number.value));
  });
  number.addEventListener("blur", showSettings);
  box.append(label, number, ...(isLevel(control) ? [histogram] : []), slider);
  return box;
}

function take(known) {                        // each detector keeps its settings while another is tried
  detector = kept[known.settings.detector] = known;
  settings = known.settings;
  $("controls").replaceChildren(...detector.controls.map(build));
}

async function choose(name) {
  const { border } = settings;
  try {
    take(kept[name] || await (await ask(`start/${encodeURIComponent(name)}`)).json());
    settings.border = border;
  } catch (error) {                           // the one before stays
    complain(error);
    return showSettings();
  }
  showSettings();
  follow();
}

function change(values) {
  Object.assign(settings, values);
  showSettings();
  follow();
}

for (const radio of document.querySelectorAll("[name=border]")) {
  radio.addEventListener("change", () => change({ border: radio.value }));
}

let painting = false;
for (const end of ["black", "white"]) {
  $(end).addEventListener("input", () => {
    contrast[end] = fromAxis(Number($(end).value) / 1000);
    if (end === "black") contrast.white = Math.max(contrast.white, contrast.black + field.step);
    else contrast.black = Math.min(contrast.black, contrast.white - field.step);
    if (painting) return;
    painting = true;
    requestAnimationFrame(() => { painting = false; paint(); });
  });
}

function dragThreshold(event) {
  if (!event.buttons) return;
  const box = histogram.getBoundingClientRect();
  const place = Math.max(0, Math.min(1, (event.clientX - box.left - 8) / (box.width - 16)));
  change({ threshold: short(fromAxis(place, levels())) });
}
histogram.addEventListener("pointerdown", dragThreshold);
histogram.addEventListener("pointermove", dragThreshold);

$("previous").onclick = () => open(field.index - 1);
$("next").onclick = () => open(field.index + 1);
$("field").addEventListener("change", () => open(Number($("field").value) - 1));
$("in").onclick = () => zoom(1.5);
$("out").onclick = () => zoom(1 / 1.5);
$("fit").onclick = () => { fit(); redraw(); };
$("clear").onclick = () => { reviews.delete(field.index); drawRings(); score(); };

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    $("done").textContent = `${what} copied.`;
  } catch { $("done").textContent = "The browser does not allow copying; select the text above."; }
}
$("copy-command").onclick = () => copy(words.command, "Command");
$("copy-python").onclick = () => copy(words.python, "Python call");
$("save").onclick = async () => {
  await spell();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([words.toml], { type: "application/toml" }));
  link.download = "nucensus.toml";
  link.click();
  URL.revokeObjectURL(link.href);
  $("done").textContent = "Saved as nucensus.toml; use it with --settings nucensus.toml";
};

// ---- pointer and keys

const pointers = new Map();
let moved = 0;
rings.addEventListener("pointerdown", (event) => {
  rings.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
  if (pointers.size === 1) moved = 0;
});
rings.addEventListener("pointermove", (event) => {
  const from = pointers.get(event.pointerId);
  if (!from) return;
  const to = [event.offsetX, event.offsetY];
  moved += Math.hypot(to[0] - from[0], to[1] - from[1]);
  if (pointers.size === 2) {                  // pinch
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    const apart = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]);
    zoom(apart(to) / Math.max(1, apart(from)), (to[0] + other[0]) / 2, (to[1] + other[1]) / 2);
  } else if (moved > 4) {
    view.x += to[0] - from[0];
    view.y += to[1] - from[1];
    redraw();
  }
  pointers.set(event.pointerId, to);
});
rings.addEventListener("pointerup", (event) => {
  const single = pointers.size === 1;
  pointers.delete(event.pointerId);
  if (single && moved <= 4 && event.button === 0) mark(...toImage(event.offsetX, event.offsetY));
});
rings.addEventListener("pointercancel", (event) => pointers.delete(event.pointerId));
rings.addEventListener("wheel", (event) => {
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
}, { passive: false });
rings.addEventListener("focus", drawRings);
rings.addEventListener("blur", drawRings);
rings.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
  if (step) { view.x += step[0]; view.y += step[1]; redraw(); event.preventDefault(); }
  if (event.key === " ") { mark(...toImage(rings.clientWidth / 2, rings.clientHeight / 2)); event.preventDefault(); }
});

const keys = {
  n: () => open(field.index + 1), p: () => open(field.index - 1),
  "+": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": () => { fit(); redraw(); },
  r: () => { ringsShown = !ringsShown; drawRings(); },
};
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=number]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  keys[event.key]?.();
});
new ResizeObserver(() => { if (field) { fit(); redraw(); drawHistogram(); } }).observe(rings);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => field && drawHistogram());

// ---- begin

function offer(detectors) {
  for (const name of detectors) {
    const label = document.createElement("label"), radio = document.createElement("input");
    Object.assign(radio, { type: "radio", name: "detector", value: name });
    radio.addEventListener("change", () => choose(name));
    label.append(radio, ` ${name}`);
    $("detectors").append(label);
  }
}

(async () => {
  try { start = await (await ask("describe")).json(); } catch (error) { return complain(error); }
  offer(start.detectors);
  take({ ...start, settings: { ...start.settings } });
  $("fields").textContent = start.fields.length.toLocaleString("en");
  $("field").max = start.fields.length;
  await open(0);
})();
