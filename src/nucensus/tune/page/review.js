"use strict";
// Marks of the reader, what they say of the settings, and the counts over the run.

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
  keep();
}

async function keep() {                       // beside the run, if one was named
  if (!start.kept) return;
  const review = reviews.get(field.index);
  const places = review ? [...review.truth, ...review.added].map(([x, y]) => [y, x]) : null;
  try {
    const answer = await fetch(`keep/${field.index}`, { method: "POST", body: JSON.stringify(places) });
    if (!answer.ok) throw new Error(await answer.text());
    document.body.dataset.kept = 1 + Number(document.body.dataset.kept || 0);
  } catch (error) { complain(error); }
}

function restore() {                          // what was kept earlier, beside what is found now
  const places = start.kept?.[field.index];
  if (!places || reviews.has(field.index)) return;
  const review = { truth: [], removed: [], added: [] }, free = pairs(field.points);
  for (const [y, x] of places) {
    const at = near(free, x, y);
    if (at < 0) review.added.push([x, y]); else review.truth.push(free.splice(at, 1)[0]);
  }
  review.removed = free;
  reviews.set(field.index, review);
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
  $("save-truth").hidden = !reviews.size;
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

function truthTable() {                       // as nucensus evaluate and tune-parameters take it
  const quoted = (name) => /[",\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
  const lines = [...reviews].flatMap(([index, review]) => {
    const places = [...review.truth, ...review.added].sort(([x, y], [u, v]) => y - v || x - u);
    const name = quoted(start.fields[index]);
    return places.length ? places.map(([x, y]) => `${name},${y},${x}`) : [`${name},,`];
  });
  return ["image,y,x", ...lines, ""].join("\n");
}

// ---- over the run

let sampleRound = 0;

async function lookAround() {
  const round = sampleRound;
  score();
  spell();
  const counts = new Map();
  for (const index of start.sample) {
    if (broken.has(index)) { counts.set(index, null); continue; }
    try { counts.set(index, (await fetchNuclei(index)).points.length / 3); } catch (error) {
      if (error.status === CANNOT_BE_READ) broken.set(index, error);
      counts.set(index, null);
    }
    if (round !== sampleRound) return;
  }
  const done = [...counts.values()].filter((count) => count !== null);
  const total = done.reduce((sum, count) => sum + count, 0);
  const most = Math.max(1, ...done);
  const failed = counts.size - done.length;
  const each = done.length > 1 ? `: ${Math.min(...done)} to ${Math.max(...done)} each` : "";
  const fields = start.fields.length === 1 ? "one field" : `${done.length} of ${start.fields.length.toLocaleString("en")} fields`;
  $("sample-text").textContent = `${total.toLocaleString("en")} nuclei in ${fields}${each}` + (failed ? `; ${failed} cannot be read` : "");
  $("most").textContent = most.toLocaleString("en");
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
