"use strict";
// What all parts of the page share. Settings live in `settings`, what is
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
const broken = new Map();                     // fields that cannot be shown, and why: not asked for again
let ringsShown = true;

// A file may hold what no slider sets: one sigma per axis, no threshold. It stays until one moves.
const ends = (control) => [settings[control.setting]].flat();
const threshold = () => settings.threshold ?? levels().low;
const isLevel = (control) => control.low === null;   // its slider goes over the grey levels

// Grey levels lie on a square-root axis: what is dim has room.
const toAxis = (value, on = axis) => Math.sqrt(Math.max(0, (value - on.low) / (on.high - on.low)));
const fromAxis = (place, on = axis) => on.low + place * place * (on.high - on.low);
const levels = () => detector.threshold === "contrast" ? { low: 0, high: axis.high - axis.low } : axis;
const short = (value) => Number(value.toPrecision(Math.abs(value) >= 1000 ? 5 : 4));

// ---- asking the server

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw Object.assign(new Error(await answer.text()), { status: answer.status });
  return answer;
}

const CANNOT_BE_READ = 415;                   // what the server answers whatever the settings

const query = () => `settings=${encodeURIComponent(JSON.stringify(settings))}`;

async function fetchNuclei(index) {           // x, y, intensity of each, and the radius of their rings
  const answer = await ask(`nuclei/${index}?${query()}`);
  const found = new Float32Array(await answer.arrayBuffer());
  const points = new Float32Array(found.length / 4 * 3), doubtful = [];
  for (let i = 0; i < found.length; i += 4) {
    points.set(found.subarray(i, i + 3), i / 4 * 3);
    if (found[i + 3] < 0.5) doubtful.push([found[i], found[i + 1]]);
  }
  return { points, doubtful, ring: Number(answer.headers.get("X-Ring-Radius")) };
}

async function fetchOutlines(index) {         // of each ring how many corners it has, then x, y of each
  return new Int32Array(await (await ask(`outlines/${index}?${query()}`)).arrayBuffer());
}

function complain(error) {
  $("problem").hidden = !error;
  $("problem").textContent = error ? error.message : "";
}
