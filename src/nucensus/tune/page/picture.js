"use strict";
// The picture of a field, the rings on it, and the histogram below it.

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
    if (field.outlines) traceOutlines(pen);
    else for (let i = 0; i < field.points.length; i += 3) {
      const [x, y] = toScreen(field.points[i], field.points[i + 1]);
      if (x < -round || y < -round || x > rings.clientWidth + round || y > rings.clientHeight + round) continue;
      pen.moveTo(x + round, y);
      pen.arc(x, y, round, 0, 2 * Math.PI);
    }
    pen.strokeStyle = RING;
    pen.lineWidth = 1.5;
    pen.stroke();
    pen.setLineDash([3, 3]);
    drawMarks(pen, field.doubtful ?? [], (x, y) => { pen.moveTo(x + round, y); pen.arc(x, y, round, 0, 2 * Math.PI); });
    pen.setLineDash([]);
  }
  if (field.tally) drawScale(pen);
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

function traceOutlines(pen) {                 // corners are those of pixels, which begin half a pixel earlier
  const { outlines } = field;
  for (let i = 0; i < outlines.length; i += 2 * outlines[i] + 1) {
    pen.moveTo(...toScreen(outlines[i + 1] - 0.5, outlines[i + 2] - 0.5));
    for (let k = i + 3; k < i + 1 + 2 * outlines[i]; k += 2) pen.lineTo(...toScreen(outlines[k] - 0.5, outlines[k + 1] - 0.5));
    pen.closePath();
  }
}

function roundBelow(most) {                   // 1, 2 or 5 times a power of ten
  const power = 10 ** Math.floor(Math.log10(most));
  return [5, 2, 1].find((digit) => digit * power <= most) * power;
}

function drawScale(pen) {                     // in micrometres, if the file states the size of its pixels
  const each = view.scale / field.shrink / (field.pixel_um || 1);   // of a unit, on the screen
  const length = roundBelow(Math.min(140, rings.clientWidth / 3) / each);
  const [x, y] = [14, rings.clientHeight - 62];
  pen.font = "600 13px system-ui, sans-serif";
  const text = `${short(length)} ${field.pixel_um ? "µm" : "px"}`;
  const wide = Math.max(length * each, pen.measureText(text).width);
  pen.fillStyle = "#000b";
  pen.fillRect(x - 7, y - 23, wide + 14, 33);
  pen.fillStyle = "#fff";
  pen.fillText(text, x, y - 6);
  pen.fillRect(x, y, length * each, 3);
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
  if (!detector?.controls.some(isLevel)) return;
  const canvas = histogram, pen = clean(canvas);
  const style = getComputedStyle(document.body);
  const width = canvas.clientWidth, height = canvas.clientHeight - 18;   // below are the grey levels
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
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = style.getPropertyValue("--quiet");
  for (const place of [0, 0.25, 0.5, 0.75, 1]) {
    const value = fromAxis(place, on), tick = Number(value.toPrecision(place % 1 ? 2 : 3));
    const at = inset + Math.max(0, Math.min(1, toAxis(tick, on))) * span;
    pen.fillRect(at - 0.5, height, 1, 4);
    pen.textAlign = place === 0 ? "left" : place === 1 ? "right" : "center";
    pen.fillText(tick.toLocaleString("en"), place % 1 ? at : place * width, height + 15);
  }
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
